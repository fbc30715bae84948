"""The cards of a dashboard, ready for its template."""

from dataclasses import dataclass
from typing import Any, Literal

from dashboards.specs import AnyCard, Dashboard, Ranking, Table, Tile, TimeSeries, kpis_of
from serving import formatting
from serving.catalogue import Kpi, Publication
from serving.charts import chart_spec, has_direct_labels, starts_at_zero
from serving.explanations import Explanation, explain
from serving.figures import Comparison, compare
from serving.ranges import TimeGrain, period_span, periods, shown_grain
from serving.rankings import UNTOLD, RankingView, ranking_view
from serving.reading import Reading
from serving.selection import Selection
from serving.series import CardError, Plot, plot_of, sentence
from serving.sparkline import Sparkline, sparkline
from serving.tables import TableView, kpi_table, plot_table
from serving.values import Values

ROW_HEIGHT, ROW_GAP = 36, 12  # px of the grid (--row and --gap of the style sheet)
TREND_DAYS = 62  # more points than that are noise in the line of a tile
OFF_ZERO = "The y axis does not start at zero."
CHART_FRAME = 130  # px of a chart's card that are not its drawing area


@dataclass(frozen=True)
class CardView:
    """What every card has: `kind` chooses its template, `empty` or `failed` says why there is nothing in it."""

    id: str
    kind: str
    title: str
    description: str
    width: int
    height: int
    column: int
    empty: str = ""
    failed: str = ""
    unit: str = ""
    tile: "TileView | None" = None
    chart: "ChartView | None" = None
    table: TableView | None = None
    ranking: RankingView | None = None


@dataclass(frozen=True)
class TileView:
    """One number with its change and trend.

    `exact` is the whole number for the tooltip, `apart` names what is compared where it is not what the page announces.
    """

    value: str
    exact: str
    comparison: Comparison
    before: str
    apart: str
    line: Sparkline | None
    why: Explanation


@dataclass(frozen=True)
class ChartView:
    """A chart: its specification, its legend of (place of the colour, name), and what it says in words."""

    spec: dict[str, Any]
    legend: tuple[tuple[int, str], ...]
    previous: str
    sentence: str
    note: str
    mark: Literal["bar", "line"] = "bar"


@dataclass(frozen=True)
class CardSource:
    """Everything cards are made from: one version, one selection, its values."""

    reading: Reading
    publication: Publication
    kpis: dict[str, Kpi]
    values: Values
    selection: Selection


def card_views(dashboard: Dashboard, source: CardSource) -> list[CardView]:
    """All cards in reading order; one that cannot be shown says why and leaves the others alone."""
    return [card_view(card, source) for card in dashboard.ordered_cards]


def card_view(card: AnyCard, source: CardSource) -> CardView:
    """One card; see `card_views`."""
    frame: dict[str, Any] = {
        "id": card.id,
        "kind": card.type,
        "title": card.title or card.id,
        "description": card.description or "",
        "width": card.size.width,
        "height": card.size.height,
        "column": card.position.column,
    }
    try:
        kpis = [_known(name, source) for name in kpis_of(card)]
        if isinstance(card, Tile):
            return _tile(card, kpis[0], frame, source)
        if isinstance(card, TimeSeries):
            return _chart(card, kpis, frame, source)
        if isinstance(card, Ranking):
            return _ranking(card, kpis[0], frame, source)
        return _table(card, kpis, frame, source)
    except CardError as error:
        return CardView(**frame, failed=str(error))


def _tile(card: Tile, kpi: Kpi, frame: dict[str, Any], source: CardSource) -> CardView:
    chosen = source.selection
    frame |= {"title": card.title or kpi.title, "description": card.description or kpi.description}
    comparison = compare(source.values, kpi, chosen.tenant, chosen.span, chosen.previous)
    old, style = comparison.before, kpi.style(chosen.tenant.currency)
    view = TileView(
        value=formatting.compact(comparison.now.value, style),
        exact=formatting.exact(comparison.now.value, style),
        comparison=comparison,
        before=formatting.exact(old.value, style) if old else "",
        apart=old.label if old and old.span != chosen.previous else "",
        line=_trend(kpi, source),
        why=explain(kpi, source.kpis.values(), chosen.tenant, comparison, source.publication),
    )
    return CardView(**frame, tile=view, empty="" if comparison.now.has_rows else _empty(frame["title"], chosen))


def _trend(kpi: Kpi, source: CardSource) -> Sparkline | None:
    """The line of a tile: by day, or by a coarser time grain where days would be too many for its width."""
    span = source.selection.span
    wanted: TimeGrain = "day" if span.days <= TREND_DAYS else "week" if span.days <= 7 * TREND_DAYS else "month"
    grain = shown_grain(wanted, span, kpi.time_grains)
    by_start = {v.period_start: v for v in source.values.of(kpi.kpi, grain, span)}
    found = [by_start.get(start) for start in periods(span, grain)]
    return sparkline([(v.value, v.is_complete) if v else (None, True) for v in found])


def _chart(card: TimeSeries, kpis: list[Kpi], frame: dict[str, Any], source: CardSource) -> CardView:
    chosen = source.selection
    plot = plot_of(source.reading, card, kpis, source.values, chosen.tenant, chosen.span, chosen.previous)
    frame |= {"title": _grained(frame["title"], card.time_grain, plot.time_grain)}
    if not plot.has_data:
        return CardView(**frame, empty=_empty(_subject(kpis), chosen))
    height = card.size.height * (ROW_HEIGHT + ROW_GAP) - ROW_GAP - CHART_FRAME
    view = ChartView(
        spec=chart_spec(plot, card.chart, height),
        legend=_legend(plot, card.chart),
        previous=_previous_days(plot),
        sentence=sentence(plot),
        note=" ".join(filter(None, (plot.note, "" if starts_at_zero(plot, card.chart) else OFF_ZERO))),
        mark="bar" if card.chart == "bar" else "line",
    )
    return CardView(**frame, unit=plot.style.unit_label, chart=view, table=plot_table(plot))


def _ranking(card: Ranking, kpi: Kpi, frame: dict[str, Any], source: CardSource) -> CardView:
    chosen = source.selection
    view = ranking_view(card, kpi, source.values, chosen.tenant, chosen.span)
    unit = kpi.style(chosen.tenant.currency).unit_label
    empty = "" if view.lines else _empty(kpi.title, chosen)
    if view.lines and UNTOLD.issuperset(line.name for line in view.lines):
        days = formatting.between(chosen.span.first, chosen.span.last)
        empty = f"Nobody told the {view.subject.lower()} of {_lowered(kpi.title)} {days}."
    return CardView(**frame, unit=unit, ranking=view, empty=empty)


def _table(card: Table, kpis: list[Kpi], frame: dict[str, Any], source: CardSource) -> CardView:
    chosen = source.selection
    view, grain = kpi_table(card, kpis, source.values, chosen.tenant, chosen.span)
    frame |= {"title": _grained(frame["title"], card.time_grain, grain)}
    return CardView(**frame, table=view, empty="" if view.rows else _empty("values", chosen))


def _known(name: str, source: CardSource) -> Kpi:
    kpi = source.kpis.get(name)
    if kpi is None:
        raise CardError(f"The published numbers have no KPI {name}: build again, or take it out of the dashboard.")
    return kpi


def _legend(plot: Plot, kind: str) -> tuple[tuple[int, str], ...]:
    if has_direct_labels(plot, kind) or (len(plot.series) == 1 and not plot.is_split):
        return ()
    return tuple((s.category, s.title) for s in plot.series)


def _previous_days(plot: Plot) -> str:
    """The days of the compared periods, in words; they are whole periods too, not the compared range."""
    known = [start for start in plot.previous_starts if start]
    return formatting.span(known[0], period_span(known[-1], plot.time_grain).last) if known else ""


def _subject(kpis: list[Kpi]) -> str:
    return kpis[0].title if len(kpis) == 1 else "values"


def _empty(subject: str, chosen: Selection) -> str:
    return f"No {_lowered(subject)} {formatting.between(chosen.span.first, chosen.span.last)}."


def _lowered(title: str) -> str:
    """A title inside a sentence: `Bookings` as `bookings`, `GMV` as it is."""
    return title if title.isupper() else title[0].lower() + title[1:]


def _grained(title: str, wanted: str, shown: str) -> str:
    """The title of a card whose range made it use another time grain than its own."""
    if wanted == shown:
        return title
    changed = title.replace(f"per {wanted}", f"per {shown}")
    return changed if changed != title else f"{title} (per {shown})"
