"""The numbers that the demo ends with: KPIs of the latest complete week, read from the published version."""

import duckdb

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.versions import current, hold
from dashboards.specs import kpis_of, load_dashboards
from serving.formatting import NONE, Style, exact

WEEKS = """
with latest as (
    select tenant, max(period_start) as week
    from kpi_values
    where time_grain = 'week' and is_complete
    group by tenant
)
select v.tenant, t.currency, v.period_start, v.kpi, c.title, c.unit, c.format, v.value
from kpi_values as v
join latest as l on l.tenant = v.tenant and l.week = v.period_start
join kpi_catalogue as c on c.kpi = v.kpi
join dim_tenants as t on t.tenant = v.tenant
where v.time_grain = 'week' and v.dimension = 'all'
order by c.unit, c.title, v.tenant
"""


def weekly_table(settings: Settings) -> str:
    """A table of the KPIs that leadership looks at, of each tenant's latest complete week, and how many more there are.

    Raises AlmanacError if nothing is published.
    """
    version = current(settings)
    if version is None:
        raise AlmanacError("nothing is published yet; run `almanac build`")
    with hold(version), duckdb.connect(str(version.path), read_only=True) as con:
        rows = con.execute(WEEKS).fetchall()
    if not rows:
        return "No week is complete yet."
    heads = {tenant: (f"{tenant} ({currency})", f"week of {week}") for tenant, currency, week, *_ in sorted(rows)}
    shown = {
        (title, tenant): exact(value, Style(unit, form, currency))
        for tenant, currency, _, _, title, unit, form, value in rows
        if value is not None
    }
    known = dict.fromkeys(title for title, _ in shown)  # a KPI that nobody has a value of is not listed
    boards = [board for board in load_dashboards(settings.root).values() if board.section == "leadership"]
    asked = {kpi for board in boards for card in board.cards for kpi in kpis_of(card)}
    looked_at = {title for _, _, _, kpi, title, *_ in rows if kpi in asked}
    titles = [title for title in known if title in looked_at]
    body = [[title, *(shown.get((title, tenant), NONE) for tenant in heads)] for title in titles]
    tenants, weeks = zip(*heads.values(), strict=True)
    table = _aligned([["KPI", *tenants], ["", *weeks], *body])
    more = len(known) - len(titles)
    return table + (f"\n     and {more} more: on the portal, or by `almanac kpis list`" if more else "")


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        figures = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("     " + "  ".join([first.ljust(widths[0]), *figures]))
    return "\n".join(line.rstrip() for line in lines)
