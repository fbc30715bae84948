"""The channels that an installation has, as its settings say."""

from collections.abc import Mapping
from typing import Protocol

from alerts.mail import Mail
from alerts.notices import Notice
from alerts.slack import Slack
from almanac.settings import Settings


class Channel(Protocol):
    """Something that carries a notice to people."""

    def send(self, notice: Notice) -> None:
        """Send it now. Raises DeliveryError with a reason that holds no secret."""


def channels(settings: Settings) -> Mapping[str, Channel]:
    """The channels by name; none unless one is configured. Raises AlmanacError for a setting that cannot be one."""
    found: dict[str, Channel] = {}
    if settings.slack_webhook:
        found["slack"] = Slack(settings.slack_webhook)
    if settings.smtp_url:
        found["mail"] = Mail(settings.smtp_url, settings.mail_from or "", settings.mail_to)
    return found
