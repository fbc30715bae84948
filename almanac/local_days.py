"""UTC offsets of a time zone per UTC date, so that every engine cuts a tenant's days alike."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_DATE = date(1990, 1, 1)
LAST_DATE = date(2079, 12, 31)
# No zone changes its clocks and changes them back within so many days, so equal offsets at both ends mean no change.
STEP = 7
DAYS = (LAST_DATE - FIRST_DATE).days + 1


@cache
def local_days(time_zone: str) -> "pa.Table":
    """One row per UTC date from 1990 to 2079 for an IANA time zone, in their order. Raises ZoneInfoNotFoundError.

    Columns: `time_zone`; `utc_date`; `offset_seconds`, the offset from UTC (east positive) at the start of the date;
    `changes_at` (naive UTC), where it changes within the date, and `offset_after_seconds`, what it changes to.
    """
    import pyarrow as pa

    zone = ZoneInfo(time_zone)
    offsets = _offsets(zone)
    changes_at: list[datetime | None] = [None] * DAYS
    after = offsets[:-1]
    for n in (n for n in range(DAYS) if offsets[n] != offsets[n + 1]):
        change, end = _change(_start(n), _start(n + 1), zone), _start(n + 1)
        if change != end:  # a change exactly at midnight UTC belongs to the next date
            changes_at[n], after[n] = change.replace(tzinfo=None), offsets[n + 1]
    return pa.table(
        {
            "time_zone": pa.repeat(time_zone, DAYS),
            "utc_date": _dates(),
            "offset_seconds": pa.array(offsets[:-1], pa.int32()),
            "changes_at": pa.array(changes_at, pa.timestamp("us")),
            "offset_after_seconds": pa.array(after, pa.int32()),
        }
    )


@cache
def _dates() -> "pa.Array":
    """Every date."""
    import pyarrow as pa

    first = (FIRST_DATE - date(1970, 1, 1)).days
    return pa.array(range(first, first + DAYS), pa.int32()).cast(pa.date32())


def _start(day: int) -> datetime:
    """The start of the date of this number (UTC)."""
    return datetime(FIRST_DATE.year, FIRST_DATE.month, FIRST_DATE.day, tzinfo=UTC) + timedelta(days=day)


def _offsets(zone: ZoneInfo) -> list[int]:
    """The offset at the start of every date, and of the one after the last."""
    found: list[int] = []
    before = _offset(_start(0), zone)
    for first in range(0, DAYS + 1, STEP):
        days = range(first, min(first + STEP, DAYS + 1))
        after = _offset(_start(days.stop), zone)
        found += [before] * len(days) if after == before else [_offset(_start(day), zone) for day in days]
        before = after
    return found


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
