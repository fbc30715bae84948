"""Every mart and every KPI value is what hand-written SQL makes of the same lake, which knows nothing of the models:
built whole, and after one more day."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from almanac.build import run_build
from almanac.settings import Settings
from benchmarks.build import side
from benchmarks.compare import differences
from benchmarks.side import hand_database
from ingestion.simulator.run import simulate

LAST_DAY = date(2026, 10, 31)  # the clocks of some zones were turned within the days before it
DAYS = 35


def _visits(settings: Settings, days: int, last_day: date) -> None:
    for tenant, users in (("rentals", 40), ("advisory", 15)):
        simulate(settings, tenant, seed=11, users=users, days=days, last_day=last_day, is_whole=False)


def _compared(settings: Settings, by: str) -> dict[str, tuple[int, int]]:
    """The tables that differ: rows only by hand, and rows only of the models."""
    side(by, settings)
    compared, differs = differences(settings.warehouse, hand_database(settings))
    assert compared > 25
    return differs


def test_the_models_make_what_sql_by_hand_makes(tmp_path: Path) -> None:
    """No table is missing by hand, and no row differs, on the history and after the day that follows it."""
    settings = replace(Settings.for_home(tmp_path), threads=1)
    _visits(settings, DAYS, LAST_DAY)
    assert run_build(settings, full_refresh=True).succeeded
    assert _compared(settings, "hand") == {}
    _visits(settings, DAYS + 1, LAST_DAY + timedelta(days=1))
    result = run_build(settings)
    assert result.succeeded
    assert not result.full_refresh
    assert _compared(settings, "day") == {}
