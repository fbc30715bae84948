"""Every KPI of payments, subscriptions, leads, tickets and the like equals the ground truth of all five businesses.

The truth has quantities by local day, which the simulator planned and the warehouse never reads. A KPI is one of them,
a sum of some, or one over another; over longer periods they are added up, and a level is that of the last day.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pyarrow.parquet as pq
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.kpis import load_catalogue
from almanac.settings import ROOT, Settings
from ingestion.simulator.run import simulate
from ingestion.simulator.tenants import BUSINESSES
from tests.fact_ids import wrong_ids
from tests.integration.test_truth import OF_VISITS
from tests.kpi_truths import TRUTHS
from tests.planned_values import (
    Cell,
    newest_days,
    of_cohort,
    of_visits,
    percentiles,
    recounted,
    running,
    so_far_of,
    spread_over_suppliers,
    stored,
    total,
)
from tests.recounted_users import stayed_away

pytestmark = pytest.mark.xdist_group("truth_around")  # one world for all KPIs

LAST_DAY = date(2026, 4, 8)
# Instalments are a month apart, messages about prices a week; of the others 18, over the end of a quarter.
DAYS = {"community": 45, "equipment": 40, "travel": 30}
USERS = {"rentals": 60, "advisory": 40, "community": 110, "equipment": 80, "travel": 120}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The five businesses over some weeks, built in two steps."""
    settings = Settings.for_home(tmp_path_factory.mktemp("home"))
    runner = WarmDbt(data_tests=False, for_models=["kpi_values"])
    for until in (LAST_DAY - timedelta(days=9), LAST_DAY):
        for tenant in BUSINESSES:
            days = DAYS.get(tenant, 18) - (LAST_DAY - until).days
            now = datetime(until.year, until.month, until.day, 23, 59, tzinfo=UTC)
            simulate(settings, tenant, seed=4, users=USERS[tenant], days=days, last_day=until, now=now, is_whole=True)
        result = run_build(settings, runner=runner)
        assert result.succeeded, [(n.name, n.message) for n in result.failed]
    return settings


@pytest.fixture(scope="module")
def planned(settings: Settings) -> dict[str, dict[Cell, Decimal]]:
    """By quantity, its value per tenant, local day, dimension and value."""
    found: dict[str, dict[Cell, Decimal]] = {}
    for tenant in BUSINESSES:
        for row in pq.read_table(settings.truth / f"{tenant}_around.parquet").to_pylist():
            cell = (tenant, row["local_date"], row["dimension"], row["dimension_value"])
            found.setdefault(row["quantity"], {})[cell] = row["value"]
    return found


def test_a_period_is_complete_if_the_data_covers_it(settings: Settings) -> None:
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        first = dict(con.execute("select tenant, min(event_date) from marts.fact_events group by tenant").fetchall())
        rows = con.execute("select distinct tenant, kpi, time_grain, period_start, is_complete from kpis.kpi_values")
        found = rows.fetchall()
    newest, days = newest_days(settings), {"day": 1, "week": 7, "month": 31, "quarter": 92}
    ahead = {"return_rate": 28, "leakage_rate": 14, "activation_rate": 7, "signup_conversion_rate": 7}
    ahead |= {"pledge_activation_rate": 7}
    back = {"user_churn_rate": 28}
    back |= dict.fromkeys(("supplier_concentration", "market_concentration"), 27)
    back |= dict.fromkeys(("top_supplier_share", "market_top_supplier_share"), 27)
    matured = set()
    seen = set()
    for tenant, kpi, grain, start, is_complete in found:
        end = start + timedelta(days=days[grain])
        end = end.replace(day=1) if grain in ("month", "quarter") else end
        covered = (
            first[tenant] + timedelta(days=back.get(kpi, 0)) <= start
            and end + timedelta(days=ahead.get(kpi, 0)) <= newest[tenant]
        )
        assert is_complete == covered, (tenant, kpi, grain, start)
        seen.add((grain, is_complete, start < first[tenant]))
        matured |= {(kpi, is_complete)} if kpi in ahead | back else set()
    assert {(grain, False, True) for grain in ("week", "month", "quarter")} <= seen
    assert {(grain, True, False) for grain in ("day", "week", "month")} <= seen
    assert {(kpi, is_complete) for kpi in ahead | back for is_complete in (True, False)} == matured


def test_every_kpi_has_a_truth() -> None:
    assert set(load_catalogue(ROOT).kpis) == TRUTHS.keys() | OF_VISITS


def test_facts_show_the_ids_that_their_events_tell(settings: Settings) -> None:
    assert wrong_ids(settings) == {}


@pytest.mark.parametrize("kpi", sorted(TRUTHS))
def test_the_kpi_equals_the_truth(kpi: str, settings: Settings, planned: dict[str, dict[Cell, Decimal]]) -> None:
    truth, own = TRUTHS[kpi], load_catalogue(ROOT).kpi(kpi)
    for dimension in ("all", *(d for d in own.settings.dimensions if d in truth.by)):
        for grain in (g for g in own.settings.time_grains if g != "hour"):
            above = total(planned, truth.above, dimension, grain)
            below = total(planned, truth.below, dimension, grain) if truth.below else {}
            below |= of_visits(settings, truth.per, dimension, grain) if truth.per else {}
            if truth.spread:
                above, below = spread_over_suppliers(settings, truth, grain, dimension)
            if truth.recount:
                above, below = recounted(truth.recount(settings), grain)
            if truth.cohort:
                above, below = of_cohort(settings, planned, truth.cohort, grain)
            if truth.stayed_away:
                above, below = stayed_away(settings, grain)
            if truth.percent:
                told = {cell: numerator for cell, numerator, _ in stored(settings, kpi, grain, dimension)}
                above = percentiles(settings, truth, grain, told)
            if truth.so_far:
                above, below = (running(settings, visited, grain) for visited in truth.so_far)
            if truth.is_so_far:
                daily = [total(planned, parts, dimension, "day") for parts in (truth.above, truth.below)]
                known = {cell[:2] for cells in daily for cell in cells}
                above, below = (so_far_of(settings, cells, known, grain) for cells in daily)
            is_ratio = bool(own.denominator)
            found = {
                cell: (numerator or 0, denominator or 0)
                for cell, numerator, denominator in stored(settings, kpi, grain, dimension)
            }
            wanted = {
                cell: (
                    above.get(cell, 0),
                    below.get(cell, 0) if is_ratio else 1,
                )
                for cell in above.keys() | below.keys()
            }
            wrong = {
                cell: (pair, wanted.get(cell)) for cell, pair in found.items() if wanted.get(cell, (0, pair[1])) != pair
            }
            assert wrong == {}, f"{kpi} by {grain} and {dimension}: (stored, planned)"
            missing = {
                cell: pair for cell, pair in wanted.items() if cell not in found and any(pair) and pair != (0, 1)
            }
            assert missing == {}, f"{kpi} by {grain} and {dimension} is not stored"
            if truth.cohort and grain == "quarter":
                continue  # nobody leaves in its first days: whole ones are in test_truth_of_quarters.py
            assert any(pair[0] for pair in wanted.values()), f"{kpi} by {grain} and {dimension}: nothing was planned"
