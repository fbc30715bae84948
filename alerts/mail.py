"""E-mail: one message over SMTP to everybody who is to know."""

import logging
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from alerts.delivery import DeliveryError
from alerts.notices import Notice
from almanac.errors import AlmanacError

TIMEOUT = 15  # seconds
_LOG = logging.getLogger(__name__)
_PORTS = {"smtp": 587, "smtps": 465}
_SHAPE = "ALMANAC_SMTP_URL must be smtp://user:password@host:port or smtps://user:password@host:port"


class Mail:
    """Sends over `smtp://` (encrypted with STARTTLS as soon as the server offers it) or `smtps://` (from the start).

    A password is never sent in the clear: with one, a server without STARTTLS is refused.
    """

    def __init__(self, url: str, sender: str, to: Sequence[str]) -> None:
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname, parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError) as error:
            raise AlmanacError(_SHAPE) from error
        if not self._host:
            raise AlmanacError(_SHAPE)
        if not sender or not to:
            raise AlmanacError("ALMANAC_SMTP_URL needs ALMANAC_MAIL_FROM and ALMANAC_MAIL_TO beside it")
        self._is_encrypted = parts.scheme == "smtps"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
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
        assert self._host
        if self._is_encrypted:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        try:
            server.ehlo()
            if not self._is_encrypted and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            elif not self._is_encrypted and self._password:
                raise DeliveryError("the mail server offers no encryption, and the password is not sent in the clear")
            if self._password:
                server.login(self._user, self._password)
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
