"""Slack: an incoming webhook takes one message as blocks."""

from datetime import timedelta
from typing import Any

from alerts.delivery import DeliveryError
from alerts.notices import Notice
from almanac.alert_settings import check_webhook

TIMEOUT = 10  # seconds
LONGEST_WAIT = timedelta(hours=1)
_LONGEST_TITLE, _LONGEST_FACT = 150, 2000  # characters; Slack refuses a block with more than 150 and 3,000


class Slack:
    """Sends to the channel of an incoming webhook, whose address is a secret."""

    def __init__(self, webhook: str) -> None:
        """Raises AlmanacError if it cannot be such an address."""
        check_webhook(webhook)
        self._webhook = webhook

    def send(self, notice: Notice) -> None:
        """Post it once; Almanac itself decides when to try again."""
        from slack_sdk.webhook import WebhookClient

        client = WebhookClient(self._webhook, timeout=TIMEOUT, retry_handlers=[])
        try:
            answer = client.send(text=_escaped(notice.title), blocks=blocks(notice))
        except Exception as error:  # whatever a broken network makes of it; its text may name the address
            raise DeliveryError(f"Slack was not reached ({type(error).__name__})") from error
        if answer.status_code != 200:
            said = " ".join(str(answer.body).split())[:200]
            raise DeliveryError(f"Slack answered {answer.status_code}: {said}", _wait(answer.headers))


def blocks(notice: Notice) -> list[dict[str, Any]]:
    """The message as Slack's blocks: a headline, then one line for each fact. What a text holds mentions nobody."""
    mark = ":white_check_mark:" if notice.is_good_news else ":warning:"
    facts = "\n".join(f"*{_escaped(label)}:* {_escaped(said[:_LONGEST_FACT])}" for label, said in notice.facts)
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"{mark} *{_escaped(notice.title[:_LONGEST_TITLE])}*"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": facts[:3000]}},
    ]


def _escaped(text: str) -> str:
    """Slack reads `<!channel>` as a call to everybody; these three characters are all that it asks to escape."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _wait(headers: Any) -> timedelta | None:
    """What `Retry-After` asks for, at most an hour."""
    seconds = next((str(v) for k, v in (headers or {}).items() if k.lower() == "retry-after"), "")
    return min(timedelta(seconds=int(seconds)), LONGEST_WAIT) if seconds.isdigit() and len(seconds) < 7 else None
