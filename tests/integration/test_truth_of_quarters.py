"""Retention and churn of whole quarters equal the ground truth, which follows each subscription by itself."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow.parquet as pq
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from ingestion.simulator.concerns.subscriptions import Subscriptions
from ingestion.simulator.run import simulate
from ingestion.simulator.tenants import BUSINESSES
from tests.kpi_truths import TRUTHS
from tests.planned_values import Cell, newest_days, of_cohort, standing, start_of, stored

pytestmark = pytest.mark.xdist_group("truth_of_quarters")  # one world for all KPIs

TENANT, LAST_DAY, DAYS = "equipment", date(2026, 4, 8), 230  # from the end of August: two whole quarters
KPIS = sorted(kpi for kpi, truth in TRUTHS.items() if truth.cohort)
# Most of what can happen to a subscription happens to several inside of one quarter.
RESTLESS = Subscriptions(
    per_day=80.0,
    plans=(("crew", 9_900), ("festival", 89_900)),
    expands=0.2,
    contracts=0.2,
    churns=0.2,
    returns=0.5,
)
Planned = dict[str, dict[Cell, Decimal]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A business that has nothing but subscriptions and a few visitors, built in two steps."""
    settings = Settings.for_home(tmp_path_factory.mktemp("home"))
    runner = WarmDbt(data_tests=False, for_models=["kpi_values"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(BUSINESSES, TENANT, replace(BUSINESSES[TENANT], concerns=(RESTLESS,)))
        for until in (date(2026, 1, 20), LAST_DAY):
            now = datetime(until.year, until.month, until.day, 23, 59, tzinfo=UTC)
            days = DAYS - (LAST_DAY - until).days
            simulate(settings, TENANT, seed=4, users=4, days=days, last_day=until, now=now, is_whole=True)
            result = run_build(settings, runner=runner)
            assert result.succeeded, [(n.name, n.message) for n in result.failed]
    return settings


@pytest.fixture(scope="module")
def planned(settings: Settings) -> Planned:
    """By quantity, its value per local day, dimension and value."""
    found: Planned = {}
    for row in pq.read_table(settings.truth / f"{TENANT}_around.parquet").to_pylist():
        cell = (TENANT, row["local_date"], row["dimension"], row["dimension_value"])
        found.setdefault(row["quantity"], {})[cell] = row["value"]
    return found


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter"])
@pytest.mark.parametrize("kpi", KPIS)
def test_the_kpi_equals_the_truth_of_each_subscription(
    kpi: str, grain: str, settings: Settings, planned: Planned
) -> None:
    above, below = of_cohort(settings, planned, TRUTHS[kpi].cohort, grain)
    found = {cell: (numerator, denominator) for cell, numerator, denominator in stored(settings, kpi, grain, "all")}
    assert found == {cell: (above[cell], below[cell]) for cell in above}
    assert sum(above.values()) > 0


def test_what_begins_and_ends_inside_a_quarter_or_nets_out_in_it_is_among_it(
    settings: Settings, planned: Planned
) -> None:
    # Were these counted by their movements, as a sum of days is, the numbers of a quarter would be others.
    last = newest_days(settings)[TENANT]
    active, paid = (
        dict(standing(planned, signs, TENANT, "quarter", last))
        for signs in ({"subscriptions_begun": 1, "subscriptions_ended": -1}, {"mrr_movement_amount": 1})
    )
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        rows = con.execute(
            "select movement, subscription_id, movement_date from marts.fact_subscription_movements"
        ).fetchall()
    told: dict[tuple[date, str], set[str]] = {}
    for movement, name, day in rows:
        told.setdefault((start_of(day, "quarter"), name), set()).add(movement)
    inside = [cell for cell, kinds in told.items() if {"new", "churn"} <= kinds and active[cell[0]][cell[1]] == (0, 0)]
    back = [cell for cell, kinds in told.items() if "churn" in kinds and active[cell[0]][cell[1]] == (1, 1)]
    netted = [
        (start, name)
        for (start, name), kinds in told.items()
        if {"contraction", "expansion"} <= kinds and 0 < paid[start][name][0] < paid[start][name][1]
    ]
    assert min(len(inside), len(back), len(netted)) > 3, (len(inside), len(back), len(netted))
