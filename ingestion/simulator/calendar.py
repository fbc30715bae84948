"""The tenant's local days as instants: the only place of the simulator that knows a time zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from ingestion.simulator.columns import MINUTE, SECOND, Ints

QUARTER = 15 * MINUTE
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Calendar:
    """Local midnights of consecutive days."""

    first: int  # ordinal of the first day
    midnights: Ints  # epoch milliseconds UTC; one more than there are days
    zone: str  # IANA

    @classmethod
    def of(cls, zone: str, first: date, last: date) -> "Calendar":
        """The days from `first` to `last`, both included, in an IANA time zone."""
        tz = ZoneInfo(zone)
        days = (date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 2))
        return cls(
            first.toordinal(),
            np.array(
                [int(datetime(d.year, d.month, d.day, tzinfo=tz).timestamp()) * SECOND for d in days], dtype=np.int64
            ),
            zone,
        )

    def start(self, day: int) -> int:
        """The instant at which local day `day` (ordinal) begins."""
        return int(self.midnights[day - self.first])

    def days(self, at: Ints) -> Ints:
        """The local day (ordinal) of each instant."""
        return np.searchsorted(self.midnights, at, side="right").astype(np.int64) - 1 + self.first

    def hours(self, at: Ints) -> Ints:
        """The hour of the local day, 0 to 23, of each instant."""
        zone = ZoneInfo(self.zone)
        quarters, where = np.unique(at // QUARTER, return_inverse=True)  # offsets change and end with one
        hours = [instant(quarter * QUARTER).astimezone(zone).hour for quarter in quarters.tolist()]
        return np.array(hours, dtype=np.int64)[where]


def milliseconds(at: datetime) -> int:
    """An aware instant as epoch milliseconds (UTC), exactly; parts of a millisecond are dropped."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def instant(at: int) -> datetime:
    """Epoch milliseconds as an aware instant (UTC)."""
    return EPOCH + timedelta(milliseconds=at)


def local_date(zone: str, at: datetime) -> date:
    """The date of an aware instant in an IANA time zone."""
    return at.astimezone(ZoneInfo(zone)).date()
