"""A KPI over a range of days: its figure and the one before, the steps of its periods, the dates without a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from serving.catalogue import Kpi, lacking, publication, valued
from serving.figures import Comparison, compare, moved
from serving.formatting import Change, period, utc
from serving.ranges import Span, TimeGrain, before, periods
from serving.reading import Reading
from serving.selection import CUSTOM, Selection
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
    absent: str = ""  # in words, where the business never had a value of the KPI: no date of it is missing then


def summarise(reading: Reading, found: Iterable[Kpi], chosen: Selection, grain: TimeGrain | None) -> list[Summary]:
    """The summaries of some KPIs for the chosen tenant and range; with `grain` also the steps of its periods.

    A KPI that does not declare the time grain has no steps. Raises Problem 503 as every reading does.
    """
    kpis = list(found)
    first = (chosen.previous or chosen.span).first
    read = Span(date.fromordinal(max(1, first.toordinal() - DAYS_BEFORE)), chosen.span.last)
    values = read_values(reading, chosen.tenant.tenant, [kpi.kpi for kpi in kpis], read)
    dates = _dates(reading, chosen)
    eventful = _dates_with_events(reading, chosen.tenant.tenant, dates)
    summaries = []
    for kpi in kpis:
        absent = _absent(reading, kpi, chosen.tenant.tenant)
        steps = periods(chosen.span, grain) if grain and grain in kpi.time_grains else []
        summaries.append(
            Summary(
                kpi,
                compare(values, kpi, chosen.tenant, chosen.span, chosen.previous),
                tuple(_step(values, kpi, chosen, start, grain) for start in steps) if grain else (),
                _missing(values, kpi, dates, eventful) if "day" in kpi.time_grains and not absent else None,
                absent,
            )
        )
    return summaries


def _absent(reading: Reading, kpi: Kpi, tenant: str) -> str:
    """That a business never had a value of a KPI, in words, and why if that is known; empty if it had one."""
    if kpi.kpi in lacking(reading, tenant):
        return f"this business has no numbers for it: it is told only with {kpi.only_with}, of which it has none"
    had = kpi.kpi in valued(reading).get(tenant, ())
    return "" if had else "this business has no numbers for it, on no day"


def _step(values: Values, kpi: Kpi, chosen: Selection, start: date, grain: TimeGrain) -> Step:
    now, earlier = values.at(kpi.kpi, grain, start), before(start, grain)
    if earlier < chosen.tenant.extent.first:
        changed = Change("n/a", "neutral", "the data begins within the period before")
    else:
        changed = moved(now, values.at(kpi.kpi, grain, earlier), kpi, chosen.tenant)
    return Step(start, grain, now, changed)


def _missing(values: Values, kpi: Kpi, dates: list[date], eventful: set[date]) -> Missing:
    known = {row.period_start for row in values.of(kpi.kpi, "day", Span(dates[0], dates[-1]))} if dates else set()
    return Missing(
        len(dates),
        tuple(day for day in dates if day not in known),
        tuple(day for day in dates if day not in eventful),
    )


def _dates(reading: Reading, chosen: Selection) -> list[date]:
    """The dates of the range of which the tenant could have values.

    They end with the last day that is over by the newest data of all tenants: if one of them has fallen silent, that is
    what is looked for. A named range ends with the tenant's own data, so these days are looked at too.
    """
    newest = utc(publication(reading).data_as_of).astimezone(ZoneInfo(chosen.tenant.time_zone)).date()
    over = max(chosen.tenant.extent.anchor, newest - timedelta(days=1))
    first = max(chosen.span.first, chosen.tenant.extent.first)
    last = min(chosen.span.last, over) if chosen.preset == CUSTOM else over
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _dates_with_events(reading: Reading, tenant: str, dates: list[date]) -> set[date]:
    if not dates:
        return set()
    rows = reading.rows(
        "select distinct event_date from mv_daily_events where tenant = ? and event_date between ? and ?",
        [tenant, dates[0], dates[-1]],
    )
    return {day for (day,) in rows}
