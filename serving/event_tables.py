"""The tables and charts of the Events page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from almanac.event_names import named
from serving import formatting
from serving.arrivals import TERMS, Arrivals, Drift, Rejected
from serving.cards import ChartView
from serving.charts import chart_spec
from serving.formatting import Style
from serving.ranges import GRAINS, MOST_POINTS, Span, period_span, periods, shown_grain, start_of
from serving.series import Plot, Series, sentence
from serving.tables import Cell, Column, TableView
from serving.values import Value

ByDay = Mapping[str, Mapping[date, int]]  # counts by event and day

COUNT = Style("count")
MOST_ROWS = 400  # of a table on the page; its CSV has them all
NO_NAME = "(no name)"
DRIFTS = {"new": "New, not declared", "missing": "Missing", "type_changed": "Other type"}
CHART_HEIGHT = 180  # px


def by_event(accepted: ByDay, quarantined: ByDay) -> TableView:
    """A row per event: how many were accepted and quarantined, most frequent first."""
    totals = {
        n: (sum(accepted.get(n, {}).values()), sum(quarantined.get(n, {}).values())) for n in {*accepted, *quarantined}
    }
    rows = [
        (name_cell(name), number(kept), number(refused), _share(refused, kept + refused))
        for name, (kept, refused) in sorted(totals.items(), key=lambda item: (-sum(item[1]), item[0]))
    ]
    kept, refused = (sum(t[i] for t in totals.values()) for i in (0, 1))
    columns = (
        Column("event", "Event", is_number=False),
        Column("accepted", "Accepted"),
        Column("quarantined", "Quarantined"),
        Column("share", "Share quarantined", "%"),
    )
    total = (Cell("Total", is_number=False), number(kept), number(refused), _share(refused, kept + refused))
    return TableView(columns, tuple(rows), total if rows else ())


def by_day(counts: ByDay, day_title: str) -> TableView:
    """A row per day (newest first), a column per event, and the total of both."""
    names = sorted(counts, key=lambda name: (-sum(counts[name].values()), name))
    days = sorted({day for found in counts.values() for day in found}, reverse=True)
    columns = [
        Column("day", day_title, is_number=False),
        *(Column(n or NO_NAME, named(n, NO_NAME)) for n in names),
        Column("total", "Total"),
    ]
    rows = []
    for day in days:
        found = [counts[name].get(day) for name in names]
        rows.append((day_cell(day), *(number(n) for n in found), number(sum(n or 0 for n in found))))
    sums = [sum(counts[name].values()) for name in names]
    totals = (Cell("Total", is_number=False), *(number(n) for n in sums), number(sum(sums)))
    return TableView(tuple(columns), tuple(rows), totals if rows else ())


def by_reason(reasons: Sequence[tuple[str, str, int]]) -> TableView:
    """Why events were quarantined."""
    columns = (
        Column("code", "Reason", is_number=False),
        Column("field", "Field", is_number=False),
        Column("events", "Events"),
    )
    rows = tuple((text(code), text(field), number(count)) for code, field, count in reasons)
    total = (Cell("Total", is_number=False), Cell("", is_number=False), number(sum(r[2] for r in reasons)))
    return TableView(columns, rows, total if rows else ())


def reconciliation(arrivals: Sequence[Arrivals]) -> TableView:
    """A row per day and source with the terms of the equation and what they do not explain."""
    names = (*TERMS, "difference", "late")
    columns = [
        Column("received_date", "Day of arrival (UTC)", is_number=False),
        Column("source", "Source", is_number=False),
    ]
    columns += [Column(n, n.capitalize() if n != "late" else "Late (of accepted)") for n in names]
    rows = [(day_cell(a.received_date), text(a.source), *(number(getattr(a, n)) for n in names)) for a in arrivals]
    totals = (Cell("Total", is_number=False), Cell("", is_number=False), *(number(total(arrivals, n)) for n in names))
    return TableView(tuple(columns), tuple(rows), totals if rows else ())


def rejected(found: Sequence[Rejected], time_zone: str) -> TableView:
    """The last refused events with field and reason."""
    columns = tuple(
        Column(name, title, is_number=False)
        for name, title in (
            ("received_at", "Received"), ("event", "Event"), ("field", "Field"), ("code", "Reason"),
            ("message", "What is wrong"), ("source", "Source"),
        )
    )  # fmt: skip
    rows = []
    for r in found:
        when = Cell(formatting.moment(r.received_at, time_zone), r.received_at.isoformat(), is_number=False)
        rows.append((when, name_cell(r.event), text(r.field), text(r.code), text(r.message), text(r.source)))
    return TableView(columns, tuple(rows))


def drifted(found: Sequence[Drift]) -> TableView:
    """Properties that came, or did not come, as never in the four weeks before."""
    columns = (
        Column("received_date", "Day of arrival (UTC)", is_number=False),
        Column("event", "Event", is_number=False),
        Column("property", "Property", is_number=False),
        Column("drift", "What changed", is_number=False),
        Column("json_type", "Came as", is_number=False),
        Column("declared_type", "Declared as", is_number=False),
        Column("drift_count", "Events"),
        Column("event_count", "Of"),
    )
    rows = tuple(
        (
            day_cell(d.received_date), text(d.event), text(d.property),
            Cell(DRIFTS.get(d.drift, d.drift), d.drift, is_number=False), text(d.json_type), text(d.declared_type),
            number(d.drift_count), number(d.event_count),
        )
        for d in found
    )  # fmt: skip
    return TableView(columns, rows)


def count_chart(title: str, counts: Mapping[date, int], span: Span, last_complete: date) -> ChartView | None:
    """Bars of a count over the days of a range that have any, by a coarser time grain where there are too many days.

    None if there is nothing to draw.
    """
    inside = {day: count for day, count in counts.items() if span.first <= day <= span.last}
    if not inside:
        return None
    grain = shown_grain("day", Span(min(inside), max(inside)), GRAINS)
    sums: dict[date, int] = {}
    for day, count in inside.items():
        sums[start_of(day, grain)] = sums.get(start_of(day, grain), 0) + count
    edges = Span(min(sums), period_span(max(sums), grain).last)
    starts = tuple(periods(span if span.days <= MOST_POINTS else edges, grain))
    ends = {start: period_span(start, grain).last for start in starts}
    values = tuple(_value(s, sums[s], ends[s] <= last_complete) if s in sums else None for s in starts)
    plot = Plot(grain, starts, (Series(title, COUNT, 1, values),), is_split=False)
    return ChartView(chart_spec(plot, "bar", CHART_HEIGHT), (), "", sentence(plot), "")


def shortened(view: TableView) -> TableView:
    """The first rows of a table that is too long for a page; totals stay those of all rows."""
    return replace(view, rows=view.rows[:MOST_ROWS], left_out=max(0, len(view.rows) - MOST_ROWS))


def day_sums(counts: ByDay) -> dict[date, int]:
    """All events together, by day."""
    sums: dict[date, int] = {}
    for found in counts.values():
        for day, count in found.items():
            sums[day] = sums.get(day, 0) + count
    return sums


def total(arrivals: Sequence[Arrivals], term: str) -> int:
    """One term of the reconciliation over all days."""
    return sum(int(getattr(a, term)) for a in arrivals)


def number(count: int | None) -> Cell:
    """A count; none is shown as such."""
    return Cell(formatting.count(count), "" if count is None else str(count))


def text(value: str) -> Cell:
    """Text as it came."""
    return Cell(value or formatting.NONE, value, is_number=False)


def name_cell(event: str) -> Cell:
    """The name of an event, or that it had none."""
    return Cell(named(event, NO_NAME), event, is_number=False)


def day_cell(day: date) -> Cell:
    """A day, sorted by time."""
    return Cell(formatting.day(day), day.isoformat(), is_number=False)


def _share(part: int, whole: int) -> Cell:
    known = Decimal(part) / whole if whole else None
    return Cell(formatting.bare(known, Style("ratio", decimals=2)), str(known or ""))


def _value(day: date, count: int, is_complete: bool) -> Value:
    return Value(day, "all", Decimal(count), Decimal(1), float(count), is_complete)
