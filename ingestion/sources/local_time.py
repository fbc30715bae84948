"""From the times in a file to instants.

A local time that occurs twice (when clocks go back) is its first occurrence. A local time that does not occur (when
they go forward) is read with the offset that held before the change, so it lands that much after it, and is warned of.
"""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


class Clock:
    """Converts times of one time zone; remembers what it has converted, because files repeat themselves."""

    def __init__(self, zone: str) -> None:
        """`zone` is an IANA time zone."""
        self._zone = ZoneInfo(zone)
        self._known: dict[datetime, datetime] = {}
        self._skipped: set[datetime] = set()

    def utc(self, value: datetime | date) -> datetime:
        """The aware instant (UTC) of a local time, of the start of a local date, or of a time with an offset.

        Raises OverflowError if it lies outside of the years 1 to 9999.
        """
        if not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = value.replace(tzinfo=self._zone).astimezone(UTC)
            if known.astimezone(self._zone).replace(tzinfo=None) != value:
                self._skipped.add(value)
        return known

    def skips(self, value: datetime | date | None) -> bool:
        """Whether a time, which was converted, is a local one that does not occur. The start of a date always does."""
        return value in self._skipped
