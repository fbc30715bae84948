"""Mending what no store can hold: lone surrogates, the character NUL, endless integers, bottomless nesting."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

DEEPEST = 64
LONGEST_INTEGER = 4096  # bits; Python writes up to 4,300 digits, JSON's text holds what it writes
REPLACEMENT = "\ufffd"
NUL_IN_NAME = "nul_in_name"
_REPLACED = (("replaced_nul", re.compile("\0")), ("replaced_surrogate", re.compile("[\ud800-\udfff]")))
_UNPLAIN = re.compile("[\0\ud800-\udfff]")
_KEPT = (bool, float, Decimal, datetime, date, UUID, type(None))


def plain(text: str) -> str:
    """`text` with U+FFFD for each character that UTF-8 or PostgreSQL cannot hold."""
    return _UNPLAIN.sub(REPLACEMENT, text)


class NeedsScrubbing(Exception):
    """A message holds a character that a store cannot."""


def assert_plain(text: str) -> None:
    """Raise NeedsScrubbing if a store could not hold `text`."""
    if text.isascii():
        if "\0" in text:
            raise NeedsScrubbing
    elif plain(text) != text:
        raise NeedsScrubbing


def scrub(value: Any) -> tuple[Any, list[str]]:
    """A copy of a JSON value that every store can hold, and a warning for each kind of change."""
    warnings: list[str] = []
    return _scrub(value, warnings, 0), sorted(set(warnings))


def _scrub(value: Any, warnings: list[str], depth: int) -> Any:
    if isinstance(value, str):
        text = plain(value)
        if text != value:
            warnings += (warning for warning, what in _REPLACED if what.search(value))
        return text
    if isinstance(value, _KEPT):
        return value
    if isinstance(value, int):
        if value.bit_length() <= LONGEST_INTEGER:
            return value
        warnings.append("big_integer")
        return f"{Decimal(value):f}"
    if depth >= DEEPEST:
        warnings.append("cut:nesting")
        return None
    if isinstance(value, dict):
        if any("\0" in str(key) for key in value):
            warnings.append(NUL_IN_NAME)
        return {_scrub(str(key), warnings, depth): _scrub(item, warnings, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub(item, warnings, depth + 1) for item in value]
    return plain(str(value))
