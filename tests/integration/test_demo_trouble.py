"""The demo's data broken on purpose: refused, healed, and the whole warehouse built again to the same rows."""

from pathlib import Path

import dagster as dg
import duckdb
import pytest

from almanac.dbt_worker import WarmDbt
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.versions import current, read_status
from ingestion.lake import Lake
from orchestration.demo_trouble import break_it, fix_it, replay
from orchestration.demo_world import simulate_history, size_of
from orchestration.instance import open_instance
from orchestration.run_daily import run_daily


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own."""
    return Settings.for_home(tmp_path)


def test_without_a_demo_it_says_what_to_do_first(settings: Settings) -> None:
    for action in (break_it, replay):
        with pytest.raises(AlmanacError, match="run `make demo` first"):
            action(settings)


def test_a_day_delivered_twice_is_refused_and_healed_and_a_replay_differs_in_no_row(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate_history(settings, size_of(20, 150))
    dbt = WarmDbt()
    run_daily(settings, dbt)
    before, numbers = current(settings), values(settings)
    assert before is not None

    break_it(settings, dbt)
    said = capsys.readouterr().out
    assert "repeat another one under a new id" in said
    assert current(settings) == before
    status = read_status(settings)
    assert (status.succeeded, status.failed_checks) == (False, ("repeated_share_is_usual",))
    (shown,) = failed_checks(settings)
    assert shown.check_name == "rentals__web__repeated_share_is_usual"
    assert str(shown.metadata["sample rows"].value).startswith("| event | happened at (UTC) | times |")

    fix_it(settings, dbt)
    assert read_status(settings).succeeded
    assert values(settings) == numbers
    assert Lake.open(settings).verify() == []

    replay(settings, dbt)
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("0 rows differ in ")
    assert int(last.split()[-2]) > 20
    assert [path.name for path in settings.warehouse.parent.glob("*.duckdb")] == [settings.warehouse.name]


def values(settings: Settings) -> list[tuple[object, ...]]:
    """Every number that readers see."""
    version = current(settings)
    assert version is not None
    with duckdb.connect(str(version.path), read_only=True) as con:
        return con.execute("select * from kpi_values order by all").fetchall()


def failed_checks(settings: Settings) -> list[dg.AssetCheckEvaluation]:
    """The checks that failed in Dagster's last run."""
    with open_instance(settings) as instance:
        (run,) = instance.get_runs(limit=1)
        events = [event for event in instance.all_logs(run.run_id) if event.dagster_event]
    found = [
        event.dagster_event.asset_check_evaluation_data
        for event in events
        if event.dagster_event and event.dagster_event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return [one for one in found if not one.passed and one.severity == dg.AssetCheckSeverity.ERROR]
