"""Tables of KPI values: a row per period, formatted cells, and totals where they are true totals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from dashboards.specs import Table
from serving import formatting
from serving.adding import add_up
from serving.catalogue import Kpi, Tenant
from serving.formatting import Number, Style, Tone
from serving.ranges import Span, TimeGrain, periods, shorter, shown_grain
from serving.rankings import words
from serving.series import CardError, Plot, offered_grains
from serving.sparkline import Sparkline
from serving.values import ALL, Value, Values


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and the plain value that sorting and copying use."""

    text: str
    plain: str = ""
    is_number: bool = True
    note: str = ""
    tone: Tone = "neutral"
    href: str = ""
    line: Sparkline | None = None  # drawn instead of the text


@dataclass(frozen=True)
class Column:
    """A column's header and the unit in it; `name` is stable, for programs."""

    name: str
    title: str
    unit: str = ""
    is_number: bool = True
    is_drawn: bool = False  # lines, which a CSV leaves out


@dataclass(frozen=True)
class TableView:
    """A table ready to show; `totals` is empty where no column adds up, `left_out` counts rows that are not shown."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[Cell, ...] = ()
    left_out: int = 0


@dataclass(frozen=True)
class _Line:
    """One row before formatting: its leading cells, and a value per KPI."""

    head: tuple[Cell, ...]
    values: tuple[Value | None, ...]


def kpi_table(
    card: Table, kpis: Sequence[Kpi], values: Values, tenant: Tenant, span: Span
) -> tuple[TableView, TimeGrain]:
    """The table of a card over a range, newest period first. Raises CardError if a KPI lacks grain or dimension."""
    if card.time_grain not in offered_grains(kpis):
        raise CardError(f"Not every KPI of this card has the time grain {card.time_grain}.")
    for kpi in kpis:
        if card.dimension and card.dimension not in kpi.dimensions:
            raise CardError(f"{kpi.title} does not declare the dimension {card.dimension}.")
    grain = shown_grain(card.time_grain, span, offered_grains(kpis))
    columns = [Column("period", grain.capitalize(), is_number=False)]
    if card.dimension:
        columns.append(Column("dimension", words(card.dimension), is_number=False))
    lines = list(_lines(card.dimension or ALL, kpis, values, grain, span))
    styles = [_column_style(kpi, tenant, [line.values[n] for line in lines]) for n, kpi in enumerate(kpis)]
    columns += [Column(k.kpi, k.title, s.unit_label) for k, s in zip(kpis, styles, strict=True)]
    rows = tuple((*line.head, *(_cell(v, s) for v, s in zip(line.values, styles, strict=True))) for line in lines)
    return TableView(tuple(columns), rows, _totals(card, kpis, lines, styles, shorter(span, grain))), grain


def plot_table(plot: Plot) -> TableView:
    """The same numbers as a chart shows, newest period first."""
    columns = [Column("period", plot.time_grain.capitalize(), is_number=False)]
    styles = [formatting.for_column([v.value for v in s.values if v], s.style) for s in plot.series]
    columns += [Column(s.title, s.title, s.style.unit_label) for s in plot.series]
    if plot.previous:
        columns.append(Column("previous", "Before", plot.style.unit_label))
    rows = []
    for n in range(len(plot.starts) - 1, -1, -1):
        found = [s.values[n] for s in plot.series]
        cells = [_period_cell(plot.starts[n], plot.time_grain, found)]
        cells += [_cell(v, style) for v, style in zip(found, styles, strict=True)]
        if plot.previous:
            cells.append(_cell(plot.previous[n], styles[0]))
        rows.append(tuple(cells))
    return TableView(tuple(columns), tuple(rows))


def _lines(dimension: str, kpis: Sequence[Kpi], values: Values, grain: TimeGrain, span: Span) -> Iterable[_Line]:
    by_kpi = [{(v.period_start, v.dimension_value): v for v in values.of(k.kpi, grain, span, dimension)} for k in kpis]
    names: dict[date, set[str]] = {}
    for start, name in set().union(*by_kpi):
        names.setdefault(start, set()).add(name)
    for start in reversed(periods(span, grain)):
        for name in sorted(names.get(start, ())):
            found = tuple(rows.get((start, name)) for rows in by_kpi)
            head = [_period_cell(start, grain, found)]
            if dimension != ALL:
                head.append(Cell(name, name, is_number=False))
            yield _Line(tuple(head), found)


def _totals(
    card: Table, kpis: Sequence[Kpi], lines: Sequence[_Line], styles: Sequence[Style], days: Span | None
) -> tuple[Cell, ...]:
    """The sums of the rows; with their days where they are not those of the range, whose totals are on the tiles."""
    if len(lines) < 2 or not any(k.is_additive for k in kpis):
        return ()
    cells = [Cell("Total", is_number=False, note=formatting.span(days.first, days.last) if days else "")]
    if card.dimension:
        cells.append(Cell("", is_number=False))
    for n, (kpi, style) in enumerate(zip(kpis, styles, strict=True)):
        if not kpi.is_additive:
            cells.append(Cell(formatting.NONE, note=f"{kpi.title} of single periods does not add up"))
            continue
        parts = (line.values[n].parts for line in lines if line.values[n])  # type: ignore[union-attr]
        total = add_up(parts, has_denominator=kpi.has_denominator).value
        cells.append(Cell(formatting.bare(total, style), _plain(total)))
    return tuple(cells)


def _column_style(kpi: Kpi, tenant: Tenant, found: Sequence[Value | None]) -> Style:
    return formatting.for_column([v.value for v in found if v], kpi.style(tenant.currency))


def _period_cell(start: date, grain: TimeGrain, found: Sequence[Value | None]) -> Cell:
    incomplete = any(v is not None and not v.is_complete for v in found)
    text = formatting.period_start(start, grain)
    return Cell(text, start.isoformat(), is_number=False, note="not complete" if incomplete else "")


def _cell(value: Value | None, style: Style) -> Cell:
    number = value.value if value else None
    return Cell(formatting.bare(number, style), _plain(number))


def _plain(number: Number | None) -> str:
    return "" if number is None else str(float(number))
