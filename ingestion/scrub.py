"""Mending what no store can hold: lone surrogates, the character NUL, integers beyond 64 bits, bottomless nesting."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

DEEPEST = 64
REPLACEMENT = "\ufffd"
_UNPLAIN = re.compile("[\0\ud800-\udfff]")
_KEPT = (bool, float, Decimal, datetime, date, UUID, type(None))


def plain(text: str) -> str:
    """`text` with U+FFFD for each character that UTF-8 or PostgreSQL cannot hold."""
    return _UNPLAIN.sub(REPLACEMENT, text)


def scrub(value: Any) -> tuple[Any, list[str]]:
    """A copy of a JSON value that every store can hold, and a warning for each kind of change."""
    warnings: list[str] = []
    return _scrub(value, warnings, 0), sorted(set(warnings))


def _scrub(value: Any, warnings: list[str], depth: int) -> Any:
    if isinstance(value, str):
        text = plain(value)
        if text != value:
            warnings.append("replaced:characters")
        return text
    if isinstance(value, _KEPT):
        return value
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return value
        warnings.append("converted:big_integer")
        return f"{Decimal(value):f}"
    if depth >= DEEPEST:
        warnings.append("cut:nesting")
        return None
    if isinstance(value, dict):
        return {_scrub(str(key), warnings, depth): _scrub(item, warnings, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub(item, warnings, depth + 1) for item in value]
    return plain(str(value))
