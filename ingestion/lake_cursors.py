"""Cursors of foreign tables as the lake compares them.

An API writes times as it likes: with and without fractions, in one zone today and another tomorrow. Their texts do not
sort as the instants do, so they are compared, and since then also kept, in one form. A time without an offset names no
instant and stays as it is.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from ingestion.tracking_plan.values import to_utc

_DAY, _TIME, _OFFSET = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d(:\d\d(\.\d+)?)?", r"(Z|[+-]\d\d(:?\d\d)?)"
_INSTANT = re.compile(f"{_DAY}[T ]{_TIME}{_OFFSET}", re.ASCII)
_NEEDLESS = re.compile(r"(\.000000|000)Z$")


def normal_cursor(cursor: str) -> str:
    """A cursor that is an instant in UTC and with microseconds, any other as it is: texts that sort as they should."""
    if not _INSTANT.fullmatch(cursor):
        return cursor
    try:
        return to_utc(datetime.fromisoformat(cursor)).isoformat(timespec="microseconds") + "Z"
    except ValueError:
        return cursor


def greatest_cursor(cursors: Iterable[str | None]) -> str | None:
    """The greatest of some cursors as it is written; None if there is none."""
    return max((cursor for cursor in cursors if cursor is not None), key=normal_cursor, default=None)


def short_cursor(cursor: str) -> str:
    """A cursor as an API is asked for it: integers without zeros in front, instants without needless fractions."""
    if cursor.isdigit():
        return cursor.lstrip("0") or "0"
    normal = normal_cursor(cursor)
    return _NEEDLESS.sub("Z", normal) if _INSTANT.fullmatch(cursor) else normal
