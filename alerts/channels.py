"""The channels that an installation has, as its settings say."""

from collections.abc import Mapping
from typing import Protocol

from alerts.delivery import DeliveryError
from alerts.mail import Mail
from alerts.notices import Notice
from alerts.slack import Slack
from almanac.alert_settings import configured
from almanac.settings import Settings


class Channel(Protocol):
    """Something that carries a notice to people."""

    def send(self, notice: Notice) -> None:
        """Send it now. Raises DeliveryError with a reason that holds no secret."""


class Misconfigured:
    """A channel whose settings are wrong: its messages wait for them to be mended, and the other channels work."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def send(self, notice: Notice) -> None:
        """Refuse, with what is wrong."""
        raise DeliveryError(self._reason)


def channels(settings: Settings) -> Mapping[str, Channel]:
    """The channels by name; none unless one is configured. Never raises: a wrong setting is told by who sends."""
    found: dict[str, Channel] = {}
    for name, wrong in configured(settings).items():
        if wrong:
            found[name] = Misconfigured(wrong)
        elif name == "slack":
            found[name] = Slack(settings.slack_webhook or "")
        else:
            found[name] = Mail(settings.smtp_url or "", settings.mail_from or "", settings.mail_to)
    return found
