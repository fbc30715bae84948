"""How fresh a tenant's numbers are: what is promised, how long events are on their way, how far each KPI reaches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from expectations.promises import Standing
from serving import formatting
from serving.arrivals import Arrivals
from serving.catalogue import Kpi, kpis, lacking
from serving.event_tables import day_cell, number, text
from serving.formatting import Style
from serving.reading import Reading
from serving.tables import Cell, Column, TableView

SHARE = Style("ratio", decimals=2)


@dataclass(frozen=True)
class Reach:
    """Up to which local day a KPI of a tenant has a value, and how many days that lies behind the newest of any KPI."""

    kpi: Kpi
    newest: date
    days_behind: int


def read_reach(reading: Reading, tenant: str) -> list[Reach]:
    """How far each KPI of a tenant reaches that has a daily value at all; what lies furthest behind first."""
    sql = """
        select kpi, max(period_start) from kpi_values
        where tenant = ? and time_grain = 'day' and dimension = 'all' and value is not null group by kpi
    """
    newest: dict[str, date] = dict(reading.rows(sql, [tenant]))
    last = max(newest.values(), default=None)
    catalogue = {name: kpi for name, kpi in kpis(reading).items() if name not in lacking(reading, tenant)}
    found = [
        Reach(catalogue[name], day, (last - day).days) for name, day in newest.items() if last and name in catalogue
    ]
    return sorted(found, key=lambda reach: (-reach.days_behind, reach.kpi.title))


def by_promise(standings: Iterable[Standing], time_zone: str) -> TableView:
    """A row per promise: what it says, in how much of the time it was kept, and what is left of its error budget."""
    columns = (
        Column("promise", "Promise", is_number=False),
        Column("wait", "Longest wait", is_number=False),
        Column("target", "Promised", "% of the time"),
        Column("kept", "Kept", "% of the time"),
        Column("budget", "Error budget left", "%"),
        Column("now", "Now", is_number=False),
        Column("owner", "Owner", is_number=False),
        Column("runbook", "What to do", is_number=False),
    )
    return TableView(columns, tuple(_promise_row(one, time_zone) for one in standings))


def by_source(arrivals: Sequence[Arrivals]) -> TableView:
    """A row per source: how many of its accepted events arrived how soon after they happened, and its newest day."""
    columns = (
        Column("source", "Source", is_number=False),
        Column("accepted", "Accepted"),
        Column("minute", "Within a minute", "%"),
        Column("hour", "Within an hour", "%"),
        Column("day", "Within a day", "%"),
        Column("newest", "Newest arrivals (UTC)", is_number=False),
    )
    rows = []
    for source in sorted({a.source for a in arrivals}):
        own = [a for a in arrivals if a.source == source]
        accepted = sum(a.accepted for a in own)
        counts = [sum(getattr(a, f"within_{term}") for a in own) for term in ("minute", "hour", "day")]
        shares = (_share(count / accepted if accepted else None) for count in counts)
        rows.append((text(source), number(accepted), *shares, day_cell(max(a.received_date for a in own))))
    return TableView(columns, tuple(rows))


def by_kpi(reach: Iterable[Reach]) -> TableView:
    """A row per KPI: the newest local day that has a value of it."""
    columns = (
        Column("kpi", "KPI", is_number=False),
        Column("owner", "Owner", is_number=False),
        Column("newest", "Newest day with a value", is_number=False),
        Column("behind", "Days behind the newest of all"),
    )
    return TableView(
        columns,
        tuple(
            (
                Cell(one.kpi.title, one.kpi.kpi, is_number=False, href=f"/kpis#kpi-{one.kpi.kpi}"),
                text(one.kpi.owner),
                day_cell(one.newest),
                number(one.days_behind),
            )
            for one in reach
        ),
    )


def _promise_row(one: Standing, time_zone: str) -> tuple[Cell, ...]:
    if one.broken_since:
        now = Cell(f"Broken since {formatting.moment(one.broken_since, time_zone)}", is_number=False, tone="bad")
    elif one.since is None:
        now = Cell("Not measured yet: nothing was published", is_number=False)
    else:
        now = Cell("Kept", is_number=False, tone="good")
    burning = f"Its budget burns {'; '.join(one.burning)}." if one.burning else ""
    wait = one.promise.max_wait.total_seconds()
    return (
        Cell(one.promise.title, one.promise.name, is_number=False),
        Cell(formatting.duration(wait), str(round(wait)), is_number=False),
        _share(one.promise.target),
        _share(one.share),
        _share(one.budget_left),
        Cell(now.text, is_number=False, tone=now.tone, note=burning),
        text(one.promise.owner),
        text(f"docs/runbooks/{one.promise.runbook}" if one.broken_since or one.burning else ""),
    )


def _share(value: float | None) -> Cell:
    return Cell(formatting.bare(value, SHARE), "" if value is None else str(round(value, 6)))
