"""Errors of client libraries without the secrets of an address, which they like to repeat."""

import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

REMOVED = "[removed]"
_SHORTEST = 3  # characters of a secret: shorter ones would take words apart, and are none
_QUERY = re.compile(r"\?[^\s'\"()]+")
_USER = re.compile(r"//[^/\s'\"]*@")


def without_secrets(text: str, url: str, token: str | None = None) -> str:
    """A message about a source at `url` without passwords, tokens and parameters of any address in it."""
    text = text.replace(url, f"({REMOVED})")
    for secret in sorted({*_secrets(url), token or ""}, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, REMOVED)
    return _USER.sub("//", _QUERY.sub(f"?{REMOVED}", text))


def _secrets(url: str) -> Iterator[str]:
    """What of an address nobody may read: all behind the user's name, and the values of parameters; as it is written
    and as it is meant."""
    _, _, behind = url.partition("//")
    user, _, _ = re.split(r"[?#]", behind, maxsplit=1)[0].rpartition("@")
    password = user.partition(":")[2]
    written = [password, *password.split("@")]  # where an @ is not quoted, libraries take what follows for the host
    with suppress(ValueError):  # no address at all
        written += [value for _, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)]
    yield from written
    yield from map(unquote, written)
