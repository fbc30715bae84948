"""One number of a KPI over a range: its total where it adds up, its last day if a level, else its largest period."""

from collections.abc import Sequence
from dataclasses import dataclass

from serving.adding import Parts, add_up
from serving.catalogue import Kpi, Tenant
from serving.formatting import Change, Number, change, period
from serving.formatting import span as span_text
from serving.ranges import GRAINS, Span, TimeGrain, before, period_span, periods
from serving.values import Value, Values


@dataclass(frozen=True)
class Figure:
    """A number and what it stands for; `time_grain` is None for a total over the range."""

    span: Span
    time_grain: TimeGrain | None
    parts: Parts
    value: Number | None
    has_rows: bool
    is_complete: bool

    @property
    def label(self) -> str:
        """The period in words: `week of 9 Nov 2026`, or the range of the total."""
        if self.time_grain:
            return period(self.span.first, self.time_grain)
        return span_text(self.span.first, self.span.last)


@dataclass(frozen=True)
class Comparison:
    """A figure, the one it is compared with (None without a comparison) and the change between them."""

    now: Figure
    before: Figure | None
    change: Change | None


def compare(values: Values, kpi: Kpi, tenant: Tenant, span: Span, previous: Span | None) -> Comparison:
    """The figure of a range, compared with the range before (None: not compared)."""
    now = figure(values, kpi, tenant, span)
    if previous is None:
        return Comparison(now, None, None)
    if kpi.is_level:
        old = figure(values, kpi, tenant, previous)
    elif now.time_grain:
        start = before(now.span.first, now.time_grain)
        old = _of_period(values.at(kpi.kpi, now.time_grain, start), now.time_grain, period_span(start, now.time_grain))
    else:
        old = total(values, kpi, tenant, previous)
    if old.has_rows and old.span.first < tenant.extent.first:
        # A base that lacks days would show a rise that is none.
        missing = Change("n/a", "neutral", f"the data begins within the compared period, {old.label}")
        return Comparison(now, old, missing)
    return Comparison(now, old, moved(now, old, kpi, tenant))


def compare_latest(found: Sequence[Value], kpi: Kpi, tenant: Tenant, grain: TimeGrain) -> Comparison:
    """The newest of some values (newest first, at least one), compared with the period before it."""
    start = found[0].period_start
    now = _of_period(found[0], grain, period_span(start, grain))
    earlier = before(start, grain)
    row = next((v for v in found[1:] if v.period_start == earlier), None)
    old = _of_period(row, grain, period_span(earlier, grain))
    return Comparison(now, old, moved(now, old, kpi, tenant))


def moved(now: Figure | Value | None, old: Figure | Value | None, kpi: Kpi, tenant: Tenant) -> Change:
    """The change between two figures or values; none where either is not complete: half a day is no fall by half."""
    new, base = (one.value if one else None for one in (now, old))
    changed = change(new, base, kpi.style(tenant.currency), up_is_good=kpi.up_is_good)
    if now is None or old is None or changed.reason:
        return changed
    if now.is_complete and old.is_complete:
        return changed
    return Change("n/a", "neutral", f"the {'compared ' if now.is_complete else ''}period is not complete")


def figure(values: Values, kpi: Kpi, tenant: Tenant, span: Span) -> Figure:
    """The number of a KPI over a range: a total where it adds up, the last day of a level, else the largest period."""
    if kpi.is_additive and "day" in kpi.time_grains:
        return total(values, kpi, tenant, span)
    if kpi.is_level and "day" in kpi.time_grains:
        return last_day(values, kpi, span)
    return largest_period(values, kpi, span)


def total(values: Values, kpi: Kpi, tenant: Tenant, span: Span) -> Figure:
    """The total of an additive KPI over the days of a range."""
    rows = values.of(kpi.kpi, "day", span)
    parts = add_up((r.parts for r in rows), has_denominator=kpi.has_denominator)
    complete = tenant.extent.last_complete is not None and span.last <= tenant.extent.last_complete
    complete = complete and all(row.is_complete for row in rows)  # a KPI that looks ahead is later than others
    return Figure(span, None, parts, parts.value, bool(rows), complete)


def last_day(values: Values, kpi: Kpi, span: Span) -> Figure:
    """The last complete day of a range that has a value; if none is complete, the last one that has a row."""
    rows = values.of(kpi.kpi, "day", span)
    row = next((row for row in reversed(rows) if row.is_complete), rows[-1] if rows else None)
    return _of_period(row, "day", period_span(row.period_start, "day")) if row else _nothing(span)


def largest_period(values: Values, kpi: Kpi, span: Span) -> Figure:
    """The newest complete period of the coarsest time grain that lies wholly inside a range and has a value.

    If no period is complete, the newest one that has a row; a figure without rows if there is none at all.
    """
    grains = [g for g in reversed(GRAINS) if g in kpi.time_grains]
    for only_complete in (True, False):
        for grain in grains:
            for start in reversed(periods(span, grain)):
                row = values.at(kpi.kpi, grain, start)
                if row is not None and (row.is_complete or not only_complete):
                    return _of_period(row, grain, period_span(start, grain))
    return _nothing(span)


def _nothing(span: Span) -> Figure:
    return Figure(span, None, Parts(None, None), None, has_rows=False, is_complete=False)


def _of_period(row: Value | None, grain: TimeGrain, span: Span) -> Figure:
    if row is None:
        return Figure(span, grain, Parts(None, None), None, has_rows=False, is_complete=False)
    return Figure(span, grain, row.parts, row.value, has_rows=True, is_complete=row.is_complete)
