"""Ranges of local days, the periods inside them, and the names that the address bar uses for both."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

TimeGrain = Literal["day", "week", "month", "quarter"]

GRAINS: tuple[TimeGrain, ...] = ("day", "week", "month", "quarter")  # from fine to coarse
MOST_DAYS = 3_660  # ten years: more is a mistake of the caller
MOST_POINTS = 400  # of one line: more cannot be told apart on a page

PRESETS = {
    "7d": "7 days",
    "28d": "28 days",
    "90d": "90 days",
    "month": "This month",
    "last_month": "Last month",
    "all": "All",
}
_ROLLING = frozenset({"7d", "28d", "90d", "all"})  # count days, also where they happen to be a month


@dataclass(frozen=True)
class Span:
    """A range of local days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    @property
    def days_before(self) -> "Span":
        """The range of the same length that ends the day before."""
        return Span(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    @property
    def previous(self) -> "Span":
        """The range before, by the calendar.

        Before whole months as many months, before the first days of a month the same days of the month before (all of
        it where that is shorter); before any other range as many days.
        """
        months = 12 * (self.last.year - self.first.year) + self.last.month - self.first.month + 1
        are_whole = (self.last + timedelta(days=1)).day == 1
        if self.first.day != 1 or not (are_whole or months == 1):
            return self.days_before
        first = self.first
        for _ in range(months):
            first = before(first, "month")
        last = self.first - timedelta(days=1)
        return Span(first, last if are_whole else min(last, first + timedelta(days=self.days - 1)))

    def holds(self, other: "Span") -> bool:
        """Whether `other` lies wholly inside."""
        return self.first <= other.first and other.last <= self.last


@dataclass(frozen=True)
class Extent:
    """The days that a tenant has data for; `last_complete` is None as long as no day is over."""

    first: date
    last: date
    last_complete: date | None

    @property
    def anchor(self) -> date:
        """The day on which named ranges end: the last one that is over."""
        return self.last_complete or self.last


def preset(name: str, extent: Extent) -> Span:
    """A named range that ends on the last complete day of the data, not on today: old data has no empty ranges."""
    end = extent.anchor
    if name == "month":
        return Span(end.replace(day=1), end)
    if name == "last_month":
        last = end.replace(day=1) - timedelta(days=1)
        return Span(last.replace(day=1), last)
    if name == "all":
        return Span(extent.first, max(extent.last, extent.first))
    return Span(end - timedelta(days=int(name.removesuffix("d")) - 1), end)


def compared(span: Span, name: str) -> Span:
    """The range that one of that name (of `PRESETS`, or `custom`) is compared with."""
    return span.days_before if name in _ROLLING else span.previous


def start_of(day: date, grain: TimeGrain) -> date:
    """First day of the period that holds `day`; weeks begin on Monday."""
    if grain == "week":
        return day - timedelta(days=day.weekday())
    if grain == "quarter":
        return day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    return day.replace(day=1) if grain == "month" else day


def period_span(start: date, grain: TimeGrain) -> Span:
    """All days of the period that begins on `start`."""
    return Span(start, after(start, grain) - timedelta(days=1))


def after(start: date, grain: TimeGrain) -> date:
    """First day of the next period."""
    if grain in ("month", "quarter"):
        days = 32 if grain == "month" else 95
        return (start.replace(day=1) + timedelta(days=days)).replace(day=1)
    return start + timedelta(days=7 if grain == "week" else 1)


def before(start: date, grain: TimeGrain) -> date:
    """First day of the period before the one that begins on `start`."""
    return start_of(start - timedelta(days=1), grain)


def periods(span: Span, grain: TimeGrain) -> list[date]:
    """The starts of all periods that lie wholly inside a range, oldest first."""
    starts: list[date] = []
    start = start_of(span.first, grain)
    while start <= span.last:
        if span.holds(period_span(start, grain)):
            starts.append(start)
        start = after(start, grain)
    return starts


def shorter(span: Span, grain: TimeGrain) -> Span | None:
    """The days of the periods inside a range, if they are not all of its days; None if they are, or there are none."""
    starts = periods(span, grain)
    if not starts:
        return None
    inside = Span(starts[0], period_span(starts[-1], grain).last)
    return None if inside == span else inside


def shown_grain(wanted: TimeGrain, span: Span, offered: tuple[TimeGrain, ...]) -> TimeGrain:
    """The time grain to draw: the wanted one, a coarser one if there were too many points, a finer one if none fits."""
    grain = wanted
    for coarser in GRAINS[GRAINS.index(wanted) :]:
        if coarser in offered and len(periods(span, coarser)) > 0:
            grain = coarser
            if len(periods(span, coarser)) <= MOST_POINTS:
                return grain
    while not periods(span, grain):
        finer = [g for g in GRAINS[: GRAINS.index(grain)] if g in offered]
        if not finer:
            return grain
        grain = finer[-1]
    return grain
