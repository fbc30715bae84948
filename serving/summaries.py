"""A KPI over a range of days: its figure and the one before, the steps of its periods, the dates without a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from serving.catalogue import Kpi
from serving.figures import Comparison, compare
from serving.formatting import Change, change, period
from serving.ranges import Span, TimeGrain, before, periods
from serving.reading import Reading
from serving.selection import Selection
from serving.values import Value, Values, read_values

DAYS_BEFORE = 100  # the period before the first one of a range lies within these


@dataclass(frozen=True)
class Step:
    """One period of a range and the change from the period before it."""

    start: date
    time_grain: TimeGrain
    value: Value | None
    change: Change

    @property
    def label(self) -> str:
        """The period in words."""
        return period(self.start, self.time_grain)


@dataclass(frozen=True)
class Missing:
    """Local dates of a range, within the tenant's data, on which a KPI has no value or nothing happened at all."""

    asked: int  # dates that were looked at
    without_value: tuple[date, ...]
    without_event: tuple[date, ...]


@dataclass(frozen=True)
class Summary:
    """What a range of days says about one KPI."""

    kpi: Kpi
    compared: Comparison
    steps: tuple[Step, ...]
    missing: Missing | None  # None for a KPI without daily values


def summarise(reading: Reading, found: Iterable[Kpi], chosen: Selection, grain: TimeGrain | None) -> list[Summary]:
    """The summaries of some KPIs for the chosen tenant and range; with `grain` also the steps of its periods.

    A KPI that does not declare the time grain has no steps. Raises Problem 503 as every reading does.
    """
    kpis = list(found)
    first = (chosen.previous or chosen.span).first
    read = Span(date.fromordinal(max(1, first.toordinal() - DAYS_BEFORE)), chosen.span.last)
    values = read_values(reading, chosen.tenant.tenant, [kpi.kpi for kpi in kpis], read)
    eventful = _dates_with_events(reading, chosen)
    return [
        Summary(
            kpi,
            compare(values, kpi, chosen.tenant, chosen.span, chosen.previous),
            tuple(_step(values, kpi, chosen, start, grain) for start in periods(chosen.span, grain))
            if grain and grain in kpi.time_grains
            else (),
            _missing(values, kpi, chosen, eventful) if "day" in kpi.time_grains else None,
        )
        for kpi in kpis
    ]


def _step(values: Values, kpi: Kpi, chosen: Selection, start: date, grain: TimeGrain) -> Step:
    now, earlier = values.at(kpi.kpi, grain, start), before(start, grain)
    if earlier < chosen.tenant.extent.first:
        moved = Change("n/a", "neutral", "the data begins within the period before")
    else:
        base, style = values.at(kpi.kpi, grain, earlier), kpi.style(chosen.tenant.currency)
        new, old = (one.value if one else None for one in (now, base))
        moved = change(new, old, style, up_is_good=kpi.up_is_good)
    return Step(start, grain, now, moved)


def _missing(values: Values, kpi: Kpi, chosen: Selection, eventful: set[date]) -> Missing:
    dates = _dates(chosen)
    known = {row.period_start for row in values.of(kpi.kpi, "day", chosen.span)}
    return Missing(
        len(dates),
        tuple(day for day in dates if day not in known),
        tuple(day for day in dates if day not in eventful),
    )


def _dates(chosen: Selection) -> list[date]:
    """The dates of the range of which the tenant could have values: from its first to its last day that is over."""
    first, last = max(chosen.span.first, chosen.tenant.extent.first), min(chosen.span.last, chosen.tenant.extent.anchor)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _dates_with_events(reading: Reading, chosen: Selection) -> set[date]:
    rows = reading.rows(
        "select distinct event_date from mv_daily_events where tenant = ? and event_date between ? and ?",
        [chosen.tenant.tenant, chosen.span.first, chosen.span.last],
    )
    return {day for (day,) in rows}
