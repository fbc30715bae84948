"""Other KPI definitions meet a warehouse that stands: what it keeps of measures is made anew, and nothing else is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.build import BuildResult, run_build
from almanac.compare import compare
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from tests.replay.project import FailingDbt, copy_project, settings_for

FACT = "dbt_project/models/marts/growth/fact_searches.yml"
MEASURE = """
  - name: searching_person_count
    type: simple
    label: Searching person count
    description: Distinct persons who searched.
    agg: count_distinct
    expr: person_id
"""
FIRST = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A warehouse of one search."""
    settings = settings_for(copy_project(tmp_path / "project", is_small=True), tmp_path / "home")
    _search(settings, 0)
    assert _build(settings).succeeded
    return settings


@pytest.mark.parametrize("goes_again", [False, True])
def test_measures_are_those_of_the_definitions_also_after_a_failure(
    settings: Settings, tmp_path: Path, goes_again: bool
) -> None:
    """A new measure comes, the build fails after it was made, and the measure stays or goes again."""
    file = settings.root / FACT
    without = file.read_text(encoding="utf-8")
    file.write_text(without.replace("\n  metrics:\n", f"\n  metrics:{MEASURE}", 1), encoding="utf-8")
    _search(settings, 1)
    failed = _build(settings, fails="kpi_values")
    assert not failed.succeeded
    assert not failed.full_refresh
    if goes_again:
        file.write_text(without, encoding="utf-8")
    built = _build(settings)
    assert built.succeeded
    assert not built.full_refresh
    other = settings_for(settings.root, tmp_path / "replay", settings.lake)
    assert _build(other).succeeded
    assert compare(settings.warehouse, other.warehouse).differing == {}


def _build(settings: Settings, fails: str | None = None) -> BuildResult:
    dbt = FailingDbt(lambda manifest: None)  # with a patch, even an empty one, it reads the files as they are now
    dbt.data_tests, dbt.fails = False, fails
    return run_build(settings, runner=dbt)


def _search(settings: Settings, number: int) -> None:
    at = FIRST + timedelta(days=number)
    message = {
        "type": "track",
        "event": "search_performed",
        "messageId": f"00000000-0000-4000-8000-{number:012}",
        "userId": f"u-{number}",
        "timestamp": at.isoformat(),
        "properties": {"query": "flat"},
    }
    landed = Lake.open(settings).land(
        "rentals", "web", [Arrival(at, message)], content_hash=f"{number:064}", received={at.date(): 1}
    )
    assert not landed.quarantined
