"""Every tile and table cell of the portal against the values of its version.

`check_portal(base_url, database, dashboards)` is what an end-to-end test calls on a real published version.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator

from almanac.settings import ROOT
from dashboards.specs import Dashboard, Table, Tile, TimeSeries, load_dashboards
from serving import formatting
from serving.formatting import Style
from tests.serving.browser import Watched, open_browser, watched_page
from tests.serving.stored import Stored

_KPI_CELLS = """(rows) => rows.flatMap((row) => [...row.querySelectorAll("td[data-tenant]")].map((cell) => [
    row.dataset.kpi,
    cell.dataset.tenant,
    cell.querySelector("[data-value]").textContent,
    cell.querySelector(".kpi-period")?.textContent,
]))"""


@dataclass
class Compared:
    """How many tiles, cells and charts were compared."""

    tiles: int = 0
    cells: int = 0
    charts: int = 0

    def __iadd__(self, other: "Compared") -> "Compared":
        self.tiles, self.cells, self.charts = (
            self.tiles + other.tiles, self.cells + other.cells, self.charts + other.charts,
        )  # fmt: skip
        return self


def check_portal(
    base_url: str, database: Path, dashboards: Collection[str], root: Path = ROOT, browser: Browser | None = None
) -> Compared:
    """Compare the named dashboards, the KPIs page and the Events page, for every tenant, with a published version.

    Opens a browser of its own unless one is given: Playwright allows one at a time in a thread. Raises AssertionError
    naming page, card and both texts of the first difference; gives the counts of comparisons.
    """
    if browser is None:
        with open_browser() as opened:
            return check_portal(base_url, database, dashboards, root, opened)
    found = Compared()
    stored = Stored(database)
    try:
        with watched_page(browser, base_url) as watched:
            for tenant in stored.tenants:
                for spec in (load_dashboards(root)[name] for name in dashboards):
                    for first, last in _ranges(stored, tenant):
                        found += compare_dashboard(watched, stored, spec, tenant, first, last)
                        watched.assert_calm()
                found.cells += compare_events(watched, stored, tenant)
                watched.assert_calm()
            for grain in ("day", "week", "month", "quarter"):
                found.cells += compare_kpis(watched, stored, grain)
            watched.assert_calm()
    finally:
        stored.close()
    return found


def compare_dashboard(
    watched: Watched, stored: Stored, spec: Dashboard, tenant: str, first: date, last: date
) -> Compared:
    """Open a dashboard for a tenant and range, and compare every tile, chart and table cell."""
    watched.goto(f"/dashboards/{spec.name}?tenant={tenant}&range=custom&from={first}&to={last}")
    found = Compared()
    for card in spec.cards:
        box = watched.page.locator(f'[data-card="{card.id}"]')
        where = f"{spec.name}/{card.id} of {tenant}, {first} to {last}"
        if isinstance(card, Tile):
            _tile(box, stored, card.kpi, tenant, first, last, where)
            found.tiles += 1
        elif isinstance(card, TimeSeries):
            found.cells += _chart(box, stored, card, tenant, first, last, where)
            found.charts += 1
        else:
            found.cells += _table(box, stored, card, tenant, first, last, where)
    return found


def compare_kpis(watched: Watched, stored: Stored, grain: str) -> int:
    """Compare the latest value of every KPI and tenant; gives the number of cells."""
    watched.goto(f"/kpis?period={grain}")
    rows = watched.page.locator("tr[data-kpi]")
    assert rows.count() == len(stored.kpis)
    # Hundreds of cells in one question: a question takes the browser milliseconds, whatever is asked.
    shown = {(kpi, tenant): texts for kpi, tenant, *texts in rows.evaluate_all(_KPI_CELLS)}
    newest = {
        (r["kpi"], r["tenant"]): r
        for r in stored.records(
            "select kpi, tenant, value, period_start from kpi_values where time_grain = ? and dimension = 'all'"
            " and is_complete order by period_start",
            [grain],
        )
    }
    for kpi in stored.kpis:
        for tenant in stored.tenants:
            value, period = shown[kpi, tenant]
            latest = newest.get((kpi, tenant))
            expected = formatting.compact(latest and latest["value"], stored.style(kpi, tenant))
            _same(value, expected, f"KPI {kpi} of {tenant} by {grain}")
            if latest:
                named = formatting.period(latest["period_start"], grain)
                _same(period, named, f"period of {kpi} of {tenant}")
    return len(stored.kpis) * len(stored.tenants)


def compare_events(watched: Watched, stored: Stored, tenant: str) -> int:
    """Compare the equation and the table of events with the version; gives the number of cells."""
    watched.goto(f"/events?tenant={tenant}&range=all")
    page = watched.page
    terms = ("received", "accepted", "duplicate", "quarantined", "suppressed", "erased")
    sums = ", ".join(f"coalesce(sum({t}), 0)::bigint as {t}" for t in terms)
    expected = stored.records(f"select {sums} from mv_daily_arrivals where tenant = ?", [tenant])[0]
    for term in terms:
        shown = page.locator(f'[data-term="{term}"] b').text_content()
        _same(shown, formatting.count(expected[term]), f"{term} events of {tenant}")
    by_event = stored.records(
        "select coalesce(event, '') as event, sum(accepted)::bigint as accepted, sum(refused)::bigint as refused from ("
        " select event, accepted, 0 as refused from mv_daily_events where tenant = $1 union all"
        " select event, 0, quarantined from mv_daily_quarantine where tenant = $1) as e group by 1",
        [tenant],
    )
    rows = {row[0]: row[1:3] for row in _texts(page.locator('[data-card="by_event"] tbody tr'))}
    known = {r["event"] or "(no name)": r for r in by_event}
    assert rows.keys() == known.keys()
    for name, shown_counts in rows.items():
        found = known[name]
        assert shown_counts == [formatting.count(found["accepted"]), formatting.count(found["refused"])], name
    delays = {"a minute": "within_minute", "an hour": "within_hour", "a day": "within_day"}
    sums = ", ".join(f"coalesce(sum({t}), 0)::bigint as {t}" for t in delays.values())
    arrived = stored.records(f"select {sums} from mv_daily_arrivals where tenant = ?", [tenant])[0]
    for name, term in delays.items():
        shown = page.locator(f'[data-delay="{name}"] b').text_content()
        _same(shown, formatting.share(arrived[term], expected["accepted"]), f"arrived within {name} of {tenant}")
    drifts = stored.records(
        "select event, property, drift_count, event_count from mv_daily_drift where tenant = ?"
        " order by received_date desc, event, property, drift, json_type",
        [tenant],
    )
    shown_drifts = [[*row[1:3], *row[6:8]] for row in _texts(page.locator('[data-card="drift"] tbody tr'))]
    assert shown_drifts == [
        [d["event"], d["property"], formatting.count(d["drift_count"]), formatting.count(d["event_count"])]
        for d in drifts
    ]
    return len(terms) + 2 * len(rows) + len(delays) + 4 * len(drifts)


def _tile(box: Locator, stored: Stored, kpi: str, tenant: str, first: date, last: date, where: str) -> None:
    expected, style = stored.figure(tenant, kpi, first, last), stored.style(kpi, tenant)
    _same(box.locator("[data-value]").text_content(), formatting.compact(expected.value, style), where)
    if not expected.has_rows:
        assert box.locator(".empty").count() == 1, f"{where}: does not say that there is no data"
        return
    _same(box.locator("[data-value]").get_attribute("title"), formatting.exact(expected.value, style), where)
    badge = box.locator("[data-change]").evaluate("(badge) => badge.firstChild.textContent")
    _same(badge, stored.change(tenant, kpi, first, last), f"{where}, change")
    named = box.locator("[data-period]")
    if expected.period == "total":
        assert named.count() == 0, where
    else:
        assert expected.start
        _same(named.text_content(), formatting.period(expected.start, expected.period), f"{where}, period")


def _table(box: Locator, stored: Stored, card: Table, tenant: str, first: date, last: date, where: str) -> int:
    values = {k: stored.periods(tenant, k, card.time_grain, first, last, card.dimension or "all") for k in card.kpis}
    keys = sorted({key for found in values.values() for key in found}, key=lambda k: (-k[0].toordinal(), k[1]))
    rows = _texts(box.locator("tbody tr"))
    assert len(rows) == len(keys), f"{where}: {len(rows)} rows, {len(keys)} periods"
    styles = _column_styles(stored, tenant, values)
    lead = 2 if card.dimension else 1
    for key, row in zip(keys, rows, strict=True):
        assert row[0].startswith(_period(key[0], card.time_grain)), where
        for kpi, shown in zip(card.kpis, row[lead:], strict=True):
            expected = formatting.bare(values[kpi].get(key), styles[kpi])
            _same(shown, expected, f"{where}, {kpi} of {key[0]} {key[1]}")
    if len(keys) > 1 and not card.dimension:
        totals = _texts(box.locator("tfoot tr"))[0][lead:]
        for kpi, shown in zip(card.kpis, totals, strict=True):
            whole = stored.kpis[kpi]["is_additive"] and card.time_grain == "day"
            value = stored.figure(tenant, kpi, first, last).value if whole else None
            if whole or not stored.kpis[kpi]["is_additive"]:
                _same(shown, formatting.bare(value, styles[kpi]), f"{where}, total of {kpi}")
    return len(keys) * len(card.kpis)


def _chart(box: Locator, stored: Stored, card: TimeSeries, tenant: str, first: date, last: date, where: str) -> int:
    grain = card.time_grain
    if not _fits(grain, first, last):
        grain = "day"
    values = {k: stored.periods(tenant, k, grain, first, last, card.dimension or "all") for k in card.kpis}
    if not any(v is not None for found in values.values() for v in found.values()):
        assert box.locator(".empty-card").count() == 1, f"{where}: does not say that there is no data"
        assert box.locator("[data-chart]").count() == 0, where
        return 0
    assert box.locator("g.role-mark > *").count() > 0, f"{where}: no marks"
    names = box.locator("thead th").evaluate_all("(cells) => cells.map((cell) => cell.dataset.column)")
    series: dict[str, dict[date, float | None]] = {}
    for kpi, found in values.items():
        for (start, name), value in found.items():
            series.setdefault(name if card.dimension else stored.kpis[kpi]["title"], {})[start] = value
    assert set(names) - {"period", "previous"} == series.keys(), where
    _drawn(box, series, where)
    style = stored.style(card.kpis[0], tenant)
    columns = {name: formatting.for_column(list(found.values()), style) for name, found in series.items()}
    starts = box.locator("tbody th").evaluate_all("(heads) => heads.map((head) => head.dataset.value)")
    count = 0
    for start, row in zip(starts, _texts(box.locator("tbody tr")), strict=True):
        for name, shown in list(zip(names, row, strict=True))[1:]:
            if name != "previous":
                expected = formatting.bare(series[name].get(date.fromisoformat(start)), columns[name])
                _same(shown, expected, f"{where}, {name} of {start}")
                count += 1
    return count


def _drawn(box: Locator, series: dict[str, dict[date, float | None]], where: str) -> None:
    """What the chart was given to draw must be the stored values, each once."""
    data = json.loads(box.locator("[data-chart] script").text_content() or "")["datasets"]
    shown = sorted((r["s"], r["t"], r["y"]) for r in data.get("bars", data.get("points")) if r["y"] is not None)
    known = sorted(
        (name, datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp() * 1000, value)
        for name, found in series.items()
        for start, value in found.items()
        if value is not None
    )
    assert shown == known, f"{where}: draws other values than the stored ones"
    if "bars" in data:
        assert box.locator("g.layer_0_marks > *").count() == len(known), f"{where}: not every value has a bar"


def _column_styles(
    stored: Stored, tenant: str, values: dict[str, dict[tuple[date, str], float | None]]
) -> dict[str, Style]:
    return {k: formatting.for_column(list(found.values()), stored.style(k, tenant)) for k, found in values.items()}


def _ranges(stored: Stored, tenant: str) -> list[tuple[date, date]]:
    """Four weeks, all days (with the one that is not over), one week, and a range without data."""
    first, last, complete = stored.days(tenant)
    found = [(complete - timedelta(days=n), complete) for n in (27, 6)]
    if (last - first).days < 400:  # beyond, charts and tables change their time grain
        found.append((first, last))
    return [*found, (date(1999, 1, 1), date(1999, 1, 7))]


def _fits(grain: str, first: date, last: date) -> bool:
    """Whether a whole week (or a day) lies in the range."""
    monday = first + timedelta(days=-first.weekday() % 7)
    return grain == "day" or monday + timedelta(days=6) <= last


def _period(start: date, grain: str) -> str:
    return formatting.period_start(start, grain)


def _texts(rows: Locator) -> list[list[str]]:
    """The texts of all cells of some rows, in one question to the browser."""
    found: list[list[str]] = rows.evaluate_all("(rows) => rows.map((row) => [...row.cells].map((c) => c.textContent))")
    return found


def _same(shown: Any, expected: str, where: str) -> None:
    assert shown == expected, f"{where}: shows {shown!r}, the version says {expected!r}"
