"""From the times in a file to instants.

A local time that occurs twice (when clocks go back) is its first occurrence. A local time that does not occur (when
they go forward) is read with the offset that held before the change, so it lands that much after it.
"""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


class Clock:
    """Converts times of one time zone; remembers what it has converted, because files repeat themselves."""

    def __init__(self, zone: str) -> None:
        """`zone` is an IANA time zone."""
        self._zone = ZoneInfo(zone)
        self._known: dict[datetime, datetime] = {}

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
        return known
