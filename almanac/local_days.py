"""UTC offsets of a time zone per UTC date, so that every engine cuts a tenant's days alike."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

FIRST_DATE = date(1990, 1, 1)
LAST_DATE = date(2079, 12, 31)


class LocalDay(NamedTuple):
    """The offset from UTC (seconds, east positive) at the start of a UTC date, and a change within that date."""

    time_zone: str
    utc_date: date
    offset_seconds: int
    changes_at: datetime | None  # naive UTC
    offset_after_seconds: int


@cache
def local_days(time_zone: str) -> tuple[LocalDay, ...]:
    """One row per UTC date from 1990 to 2079 for an IANA time zone. Raises ZoneInfoNotFoundError if unknown."""
    zone = ZoneInfo(time_zone)
    rows = []
    start = datetime(FIRST_DATE.year, FIRST_DATE.month, FIRST_DATE.day, tzinfo=UTC)
    offset = _offset(start, zone)
    while start.date() <= LAST_DATE:
        end = start + timedelta(days=1)
        after = _offset(end, zone)
        changes_at = None if after == offset else _change(start, end, zone)
        if changes_at == end:  # a change exactly at midnight UTC belongs to the next date
            rows.append(LocalDay(time_zone, start.date(), offset, None, offset))
        else:
            naive = changes_at.replace(tzinfo=None) if changes_at else None
            rows.append(LocalDay(time_zone, start.date(), offset, naive, after))
        start, offset = end, after
    return tuple(rows)


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    delta = moment.astimezone(zone).utcoffset()
    assert delta is not None
    return int(delta.total_seconds())


def _change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """The first second at which the offset differs from the one at `start`, by bisection (one change a day)."""
    before, low, high = _offset(start, zone), start, end
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high
