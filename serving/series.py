"""The lines of a chart: which points, in which order, with which colour, and what one says about them in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dashboards.specs import TimeSeries
from serving import formatting
from serving.catalogue import Kpi, Tenant, dimension_values
from serving.formatting import Style
from serving.ranges import GRAINS, Span, TimeGrain, before, periods, shown_grain
from serving.reading import Reading
from serving.splits import split
from serving.values import Value, Values


class CardError(Exception):
    """A card that cannot be shown; the text says why. The rest of the page stays."""


@dataclass(frozen=True)
class Series:
    """One line or one colour of a chart: a value per period (None: no row), and its place among the colours from 1."""

    title: str
    style: Style
    category: int
    values: tuple[Value | None, ...]

    def numbers(self) -> list[float]:
        """The values that there are."""
        return [v.value for v in self.values if v is not None and v.value is not None]


@dataclass(frozen=True)
class Plot:
    """What a time series card draws: its periods, its series, and the compared values where there is one series."""

    time_grain: TimeGrain
    starts: tuple[date, ...]
    series: tuple[Series, ...]
    is_split: bool  # by a dimension
    previous_starts: tuple[date | None, ...] = ()  # one per period; None where the compared month is shorter
    previous: tuple[Value | None, ...] = ()
    note: str = ""  # what is not drawn

    @property
    def has_data(self) -> bool:
        """Whether there is anything to draw."""
        return any(s.numbers() for s in self.series)

    @property
    def style(self) -> Style:
        """How the numbers of the y axis look."""
        return self.series[0].style


def offered_grains(kpis: Sequence[Kpi]) -> tuple[TimeGrain, ...]:
    """The time grains that all of some KPIs have."""
    return tuple(g for g in GRAINS if all(g in k.time_grains for k in kpis))


def plot_of(
    reading: Reading,
    card: TimeSeries,
    kpis: Sequence[Kpi],
    values: Values,
    tenant: Tenant,
    span: Span,
    previous: Span | None,
) -> Plot:
    """The points of a card over a range. Raises CardError if the card asks for what its KPIs cannot give."""
    _refuse_impossible(card, kpis)
    grain = shown_grain(card.time_grain, span, offered_grains(kpis))
    starts = tuple(periods(span, grain))
    if card.dimension:
        return _by_dimension(reading, kpis[0], card.dimension, values, tenant, grain, starts)
    series = tuple(
        Series(k.title, k.style(tenant.currency), n, _aligned(values.of(k.kpi, grain, span), starts))
        for n, k in enumerate(kpis, start=1)
    )
    if previous is None or len(series) != 1 or not starts:
        return Plot(grain, starts, series, is_split=False)
    earlier = _days_of(previous, len(starts)) if grain == "day" else _periods_before(starts, grain)
    known = [start for start in earlier if start]
    found = values.of(kpis[0].kpi, grain, Span(known[0], known[-1]))
    if len(found) < 2:  # nothing that a line could show
        return Plot(grain, starts, series, is_split=False)
    return Plot(grain, starts, series, False, earlier, _aligned(found, earlier))


def sentence(plot: Plot) -> str:
    """The chart in words: first, last and highest value of every series."""
    told = []
    for series in plot.series:
        known = [(s, v) for s, v in zip(plot.starts, series.values, strict=True) if v and v.value is not None]
        if not known:
            continue
        highest = max(known, key=lambda pair: pair[1].value or 0)
        marks = [("first", known[0]), ("last", known[-1]), ("highest", highest)]
        told.append(
            f"{series.title}: " + ", ".join(_mark(name, *pair, plot.time_grain, series.style) for name, pair in marks)
        )
    return "; ".join(told) + "."


def _mark(name: str, start: date, value: Value, grain: TimeGrain, style: Style) -> str:
    return f"{name} {formatting.exact(value.value, style)} ({formatting.period(start, grain)})"


def _refuse_impossible(card: TimeSeries, kpis: Sequence[Kpi]) -> None:
    if card.time_grain not in offered_grains(kpis):
        raise CardError(f"Not every KPI of this card has the time grain {card.time_grain}.")
    if len({(k.unit, k.format) for k in kpis}) > 1:
        raise CardError("The KPIs of this card have different units, and a chart has one y axis.")
    if card.dimension and card.dimension not in kpis[0].dimensions:
        raise CardError(f"{kpis[0].title} is not declared by {card.dimension}.")
    if card.chart == "bar" and card.dimension and (not kpis[0].is_additive or kpis[0].has_denominator):
        raise CardError(f"{kpis[0].title} does not add up over {card.dimension}: draw it as a line, not as a bar.")


def _by_dimension(
    reading: Reading,
    kpi: Kpi,
    dimension: str,
    values: Values,
    tenant: Tenant,
    grain: TimeGrain,
    starts: tuple[date, ...],
) -> Plot:
    rows = values.of(kpi.kpi, grain, Span(starts[0], starts[-1]), dimension) if starts else []
    found = split(kpi, rows, dimension_values(reading, tenant.tenant, dimension))
    series = tuple(
        Series(name, kpi.style(tenant.currency), place, _aligned(own, starts)) for name, place, own in found.parts
    )
    return Plot(grain, starts, series, is_split=True, note=found.note)


def _aligned(rows: Sequence[Value], starts: Sequence[date | None]) -> tuple[Value | None, ...]:
    found = {row.period_start: row for row in rows}
    return tuple(found.get(start) if start else None for start in starts)


def _days_of(previous: Span, count: int) -> tuple[date | None, ...]:
    """The compared days, the first under the first: `count` of them, with None for those that a short month lacks."""
    return tuple(previous.first + timedelta(days=n) if n < previous.days else None for n in range(count))


def _periods_before(starts: tuple[date, ...], grain: TimeGrain) -> tuple[date, ...]:
    earlier: list[date] = []
    start = starts[0]
    for _ in starts:
        start = before(start, grain)
        earlier.append(start)
    return tuple(reversed(earlier))
