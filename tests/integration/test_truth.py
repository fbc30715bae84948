"""Every KPI equals the simulator's ground truth, to the cent, for both tenants, on every day, week and month."""

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.kpis import load_catalogue
from almanac.settings import ROOT, Settings
from ingestion.simulator.run import simulate

pytestmark = pytest.mark.xdist_group("truth")
LAST_DAY = date(2026, 11, 2)  # the days before hold the end of summer time in Berlin
DAYS = 45


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Both tenants simulated, and built in three steps: most of it, a week later, the rest."""
    settings = Settings.for_home(tmp_path_factory.mktemp("truth"))
    dbt = WarmDbt()
    for until in (date(2026, 10, 20), date(2026, 10, 27), LAST_DAY):
        days = DAYS - (LAST_DAY - until).days
        for tenant, users in (("rentals", 700), ("advisory", 150)):
            now = datetime(until.year, until.month, until.day, 23, 59, tzinfo=UTC)
            simulate(settings, tenant, seed=7, users=users, days=days, last_day=until, now=now)
        result = run_build(settings, runner=dbt)
        assert result.succeeded, [(n.name, n.message) for n in result.failed]
    return settings


def _compare(settings: Settings, kpi: str) -> tuple[int, list[tuple[object, ...]]]:
    """The number of compared cells, and those that differ (an empty numerator is the truth's 0)."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        truth = f"read_parquet({[str(settings.truth / f'{t}.parquet') for t in ('rentals', 'advisory')]})"
        rows = con.execute(
            f"""
            with
                truth as (from {truth} where kpi = $kpi),
                found as (from kpis.kpi_values where kpi = $kpi),
                joined as (
                    select coalesce(t.tenant, f.tenant) as tenant, coalesce(t.time_grain, f.time_grain) as time_grain,
                        coalesce(t.period_start, f.period_start) as period_start,
                        coalesce(t.dimension_value, f.dimension_value) as dimension_value,
                        t.numerator as wanted_numerator, f.numerator, t.denominator as wanted_denominator, f.denominator
                    from truth as t full join found as f
                        using (tenant, time_grain, period_start, dimension, dimension_value)
                )
            select *, coalesce(wanted_numerator, 0) <> coalesce(numerator, 0)
                or coalesce(nullif(wanted_denominator, 1), 0) <> coalesce(nullif(denominator, 1), 0) as differs
            from joined
            """,
            {"kpi": kpi},
        ).fetchall()
    return len(rows), [row for row in rows if row[-1]]


@pytest.mark.parametrize("kpi", sorted(load_catalogue(ROOT).kpis))
def test_the_kpi_equals_the_truth(built: Settings, kpi: str) -> None:
    cells, wrong = _compare(built, kpi)
    assert cells > 2 * DAYS, f"only {cells} cells were compared"
    assert not wrong, f"{len(wrong)} of {cells} cells differ: {wrong[:3]}"


def test_every_day_of_both_tenants_was_compared(built: Settings) -> None:
    with duckdb.connect(str(built.warehouse), read_only=True) as con:
        days = con.execute(
            "select tenant, count(distinct period_start) from kpis.kpi_values "
            "where kpi = 'sessions' and time_grain = 'day' group by 1 order by 1"
        ).fetchall()
    assert [tenant for tenant, _ in days] == ["advisory", "rentals"]
    assert all(count >= DAYS for _, count in days)


def test_a_wrong_number_would_be_seen(built: Settings, tmp_path: Path) -> None:
    """The comparison itself can fail: one cent more in the truth is found."""
    forged = Settings.for_home(tmp_path)
    forged.truth.mkdir(parents=True)
    forged.warehouse.parent.mkdir(parents=True)
    forged.warehouse.symlink_to(built.warehouse)
    with duckdb.connect() as con:
        for tenant in ("rentals", "advisory"):
            con.execute(
                f"copy (select * replace (numerator + 0.01 as numerator) from '{built.truth / tenant}.parquet') "
                f"to '{forged.truth / tenant}.parquet' (format parquet)"
            )
    cells, wrong = _compare(forged, "gmv")
    assert len(wrong) == cells
