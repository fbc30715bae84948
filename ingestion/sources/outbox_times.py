"""When a row of an outbox was made: by a time, or by an integer that can only be seconds or milliseconds since 1970."""

from datetime import UTC, datetime
from typing import Any

from ingestion.event_times import NEWEST_YEAR, OLDEST_YEAR
from ingestion.sources.cursors import cursor_text
from ingestion.tracking_plan.values import Unfit, parse_time

UNITS = "seconds or milliseconds since 1970"
# Seconds of these years are no milliseconds of any of them; a counter that begins at 1 is far below.
_FIRST, _END = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (OLDEST_YEAR, NEWEST_YEAR + 1))


def instant(created_at: Any) -> str | None:
    """The instant (ISO 8601) that a row's `created_at` says; a time without an offset is in UTC. None if it is none."""
    if isinstance(created_at, int):
        units = _units(created_at)
        return datetime.fromtimestamp(created_at / units, UTC).isoformat() if units else None
    text = created_at if isinstance(created_at, str) else cursor_text(created_at)
    for written in (text, f"{text}Z"):
        try:
            parse_time(written)
        except Unfit:
            continue
        return written
    return None


def units_a_second(cursor: str | None) -> int:
    """How many units of a cursor are a second; of a counter, as of a time, it is one."""
    return (_units(int(cursor)) if cursor is not None and cursor.isdigit() else None) or 1


def _units(number: int) -> int | None:
    return next((units for units in (1, 1000) if _FIRST * units <= number < _END * units), None)
