"""What the settings say of the ways to reach people, read so that who sends and who only looks say the same of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from almanac.errors import AlmanacError
from almanac.settings import Settings

_PORTS = {"smtp": 587, "smtps": 465}
_SHAPE = "ALMANAC_SMTP_URL must be smtp://user:password@host:port or smtps://user:password@host:port"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class MailServer:
    """Where a mail server is, and who we are there (nobody if `user` is empty)."""

    host: str
    port: int
    is_encrypted: bool  # from the start; otherwise with STARTTLS as soon as the server offers it
    user: str
    password: str = field(repr=False)


def mail_server(url: str) -> MailServer:
    """The server of an address `smtp://` or `smtps://`. Raises AlmanacError if it is none; it names no password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise AlmanacError(_SHAPE) from error
    if not host:
        raise AlmanacError(_SHAPE)
    password = unquote(parts.password or "")
    return MailServer(host, port, parts.scheme == "smtps", unquote(parts.username or ""), password)


def check_webhook(address: str) -> None:
    """Raise AlmanacError unless this may be the address of an incoming webhook: it is a secret, so it is encrypted."""
    try:
        parts = urlsplit(address)
        is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        is_right = bool(parts.hostname) and (parts.scheme == "https" or is_local)
    except ValueError:
        is_right = False
    if not is_right:
        raise AlmanacError("ALMANAC_SLACK_WEBHOOK_URL must be the https address of an incoming webhook")


def check_people(settings: Settings) -> None:
    """Raise AlmanacError unless there is a sender and somebody to write to."""
    if not settings.mail_from or not settings.mail_to:
        raise AlmanacError("ALMANAC_SMTP_URL needs ALMANAC_MAIL_FROM and ALMANAC_MAIL_TO beside it")


def configured(settings: Settings) -> Mapping[str, str]:
    """The channels that somebody wants, by name, and what is wrong with their settings (empty: nothing)."""
    found: dict[str, str] = {}
    if settings.slack_webhook:
        found["slack"] = _wrong(check_webhook, settings.slack_webhook)
    if settings.smtp_url:
        found["mail"] = _wrong(mail_server, settings.smtp_url) or _wrong(check_people, settings)
    elif settings.mail_to:
        found["mail"] = "ALMANAC_MAIL_TO needs ALMANAC_SMTP_URL beside it: no server is named"
    return found


def _wrong(check: Callable[[Any], object], value: object) -> str:
    try:
        check(value)
    except AlmanacError as error:
        return str(error)
    return ""
