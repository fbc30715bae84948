"""Every KPI equals the simulator's ground truth, to the cent, for both tenants, on every day, week and month."""

from pathlib import Path

import duckdb
import pytest

from almanac.kpis import load_catalogue
from almanac.settings import ROOT, Settings
from tests.kpi_truths import TRUTHS
from tests.truth_world import DAYS

pytestmark = pytest.mark.xdist_group("truth")


# Their truth has every period and channel; that of the others is compared by test_truth_around.py.
FACTS = {"fact_sessions", "fact_user_days", "fact_searches", "fact_signups", "fact_listing_views", "fact_revenue"}
OF_VISITS = {name for name, kpi in load_catalogue(ROOT).kpis.items() if set(kpi.facts) <= FACTS} - TRUTHS.keys()


def _compare(settings: Settings, kpi: str) -> tuple[int, list[tuple[object, ...]]]:
    """The number of compared cells, and those that differ (an empty numerator is the truth's 0)."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        truth = f"read_parquet({[str(settings.truth / f'{t}.parquet') for t in ('rentals', 'advisory')]})"
        rows = con.execute(
            f"""
            with
                truth as (from {truth} where kpi = $kpi and list_contains($dimensions, dimension)),
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
            {"kpi": kpi, "dimensions": ["all", *load_catalogue(ROOT).kpi(kpi).settings.dimensions]},
        ).fetchall()
    return len(rows), [row for row in rows if row[-1]]


@pytest.mark.parametrize("kpi", sorted(OF_VISITS))
def test_the_kpi_equals_the_truth(world: Settings, kpi: str) -> None:
    cells, wrong = _compare(world, kpi)
    assert cells > 2 * DAYS, f"only {cells} cells were compared"
    assert not wrong, f"{len(wrong)} of {cells} cells differ: {wrong[:3]}"


@pytest.mark.parametrize("kpi", ["bookings", "gmv", "revenue"])
def test_the_kpi_equals_the_truth_hour_by_hour(world: Settings, kpi: str) -> None:
    with duckdb.connect(str(world.warehouse), read_only=True) as con:
        truth = f"read_parquet({[str(world.truth / f'{t}.parquet') for t in ('rentals', 'advisory')]})"
        wanted = con.execute(
            "select tenant, period_start + to_hours(cast(dimension_value as integer)), numerator "
            f"from {truth} where kpi = ? and dimension = 'hour_of_day' and time_grain = 'day' order by all",
            [kpi],
        ).fetchall()
        found = con.execute(
            "select tenant, hour_start, numerator from kpis.kpi_hourly_values where kpi = ? order by all", [kpi]
        ).fetchall()
    assert found == wanted
    assert len({start.hour for _, start, _ in found}) > 12


def test_the_hours_of_a_day_add_up_to_it(world: Settings) -> None:
    hourly = [n for n, k in load_catalogue(ROOT).kpis.items() if "hour" in k.settings.time_grains and k.is_additive]
    with duckdb.connect(str(world.warehouse), read_only=True) as con:
        rows = con.execute(
            """
            with
                hours as (
                    select tenant, kpi, cast(hour_start as date) as period_start, sum(numerator) as numerator
                    from kpis.kpi_hourly_values group by all
                ),
                days as (from kpis.kpi_values where time_grain = 'day' and dimension = 'all')
            select d.kpi, h.numerator is distinct from d.numerator
            from days as d left join hours as h using (tenant, kpi, period_start)
            where list_contains(?, d.kpi)
            """,
            [hourly],
        ).fetchall()
    assert {kpi for kpi, _ in rows} == {"bookings", "gmv", "revenue", "searches", "sessions"}  # the others: none there
    assert [row for row in rows if row[1]] == []


def test_every_day_of_both_tenants_was_compared(world: Settings) -> None:
    with duckdb.connect(str(world.warehouse), read_only=True) as con:
        days = con.execute(
            "select tenant, count(distinct period_start) from kpis.kpi_values "
            "where kpi = 'sessions' and time_grain = 'day' group by 1 order by 1"
        ).fetchall()
    assert [tenant for tenant, _ in days] == ["advisory", "rentals"]
    assert all(count >= DAYS for _, count in days)


def test_a_wrong_number_would_be_seen(world: Settings, tmp_path: Path) -> None:
    """The comparison itself can fail: one cent more in the truth is found."""
    forged = Settings.for_home(tmp_path)
    forged.truth.mkdir(parents=True)
    forged.warehouse.parent.mkdir(parents=True)
    forged.warehouse.symlink_to(world.warehouse)
    with duckdb.connect() as con:
        for tenant in ("rentals", "advisory"):
            con.execute(
                f"copy (select * replace (numerator + 0.01 as numerator) from '{world.truth / tenant}.parquet') "
                f"to '{forged.truth / tenant}.parquet' (format parquet)"
            )
    cells, wrong = _compare(forged, "gmv")
    assert len(wrong) == cells
