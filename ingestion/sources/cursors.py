"""Cursors: how far a table has been read, as text that sorts like the values themselves."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from almanac.errors import AlmanacError
from ingestion.tracking_plan.values import to_utc


def cursor_text(value: object) -> str:
    """A cursor as text that sorts as the values do. Raises ValueError for a value that cannot be one."""
    if isinstance(value, bool) or (isinstance(value, int) and not 0 <= value < 10**20):
        raise ValueError(f"{value!r} cannot be a cursor: use a time, a date, a text or an integer from 0")
    if isinstance(value, int):
        return f"{value:020d}"
    if isinstance(value, datetime):
        return (
            to_utc(value).isoformat(timespec="microseconds")
            if value.tzinfo
            else value.isoformat(timespec="microseconds")
        )
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} cannot be a cursor: use a time, a date, a text or an integer from 0")


def python_type(column_type: Any) -> type:
    """What the values of a column of this SQLAlchemy type are; `object` if it says nothing, as SQLite's need not."""
    try:
        kind: type = column_type.python_type
    except NotImplementedError:
        return object
    return kind


def value_of(cursor: str, column_type: Any) -> object:
    """The value that a cursor stands for, as a database's column of this SQLAlchemy type compares it."""
    kind = python_type(column_type)
    if kind is object:
        return int(cursor) if cursor.isdigit() else cursor
    if issubclass(kind, datetime):
        moment = datetime.fromisoformat(cursor)
        return moment.replace(tzinfo=UTC) if getattr(column_type, "timezone", False) else moment
    if issubclass(kind, date):
        return date.fromisoformat(cursor)
    return int(cursor) if issubclass(kind, int) else cursor


def earlier(cursor: str | None, overlap: int) -> str | None:
    """The cursor from which to read again: `overlap` seconds (or units) before one. AlmanacError for plain text."""
    if cursor is None or not overlap:
        return cursor
    if cursor.isdigit():
        return cursor_text(max(int(cursor) - overlap, 0))
    try:
        moment = datetime.fromisoformat(cursor) - timedelta(seconds=overlap)
    except ValueError:
        raise AlmanacError(f"overlap belongs to cursors that are times or integers, not to {cursor!r}") from None
    if len(cursor) == len("2026-03-31"):
        return moment.date().isoformat()
    # Written as it was, so that it sorts among the others.
    written = moment.isoformat(timespec="microseconds" if "." in cursor else "seconds")
    return written.replace("+00:00", "Z") if cursor.endswith("Z") else written.replace("T", cursor[10])
