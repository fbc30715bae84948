"""E-mail: one message over SMTP to everybody who is to know."""

import logging
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from alerts.delivery import DeliveryError
from alerts.notices import Notice
from almanac.alert_settings import mail_server

TIMEOUT = 15  # seconds
_LOG = logging.getLogger(__name__)


class Mail:
    """Sends over `smtp://` (encrypted with STARTTLS as soon as the server offers it) or `smtps://` (from the start).

    A password is never sent in the clear: with one, a server without STARTTLS is refused.
    """

    def __init__(self, url: str, sender: str, to: Sequence[str]) -> None:
        """Raises AlmanacError if `url` is no address of a mail server."""
        self._server = mail_server(url)
        self._sender, self._to = sender, list(to)

    def send(self, notice: Notice) -> None:
        """Send one message to all; it counts as sent when the server has taken it for at least one of them."""
        try:
            with self._connected() as server:
                refused = server.send_message(self.message(notice))
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryError(f"the mail server refused every recipient: {_codes(error.recipients)}") from error
        except smtplib.SMTPResponseException as error:
            said = (
                error.smtp_error if isinstance(error.smtp_error, str) else error.smtp_error.decode("utf-8", "replace")
            )
            raise DeliveryError(
                f"the mail server answered {error.smtp_code}: {' '.join(said.split())[:200]}"
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(f"the mail server was not reached ({type(error).__name__}: {error})"[:300]) from error
        if refused:
            _LOG.warning("the mail server refused some recipients: %s", _codes(refused))

    def message(self, notice: Notice) -> EmailMessage:
        """The message: the title as subject, all of it as plain text."""
        message = EmailMessage()
        message["Subject"] = f"Almanac: {notice.title}"
        message["From"] = self._sender
        message["To"] = ", ".join(self._to)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].strip("> ") or "almanac")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.text())
        return message

    def _connected(self) -> smtplib.SMTP:
        at = self._server
        if at.is_encrypted:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                at.host, at.port, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(at.host, at.port, timeout=TIMEOUT)
        try:
            server.ehlo()
            if not at.is_encrypted and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            elif not at.is_encrypted and at.password:
                raise DeliveryError("the mail server offers no encryption, and the password is not sent in the clear")
            if at.password:
                server.login(at.user, at.password)
        except BaseException:
            server.close()
            raise
        return server


def _codes(refused: dict[str, tuple[int, bytes]]) -> str:
    """How many were refused and why; no address."""
    reasons = sorted(
        {f"{code} {' '.join(said.decode('utf-8', 'replace').split())}"[:100] for code, said in refused.values()}
    )
    return f"{len(refused)} ({'; '.join(reasons)})"
