"""What a failure does to a run, and where Dagster keeps what it knows."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

import expectations
from almanac.checks import CheckResult
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from almanac.versions import Status, current, read_status
from ingestion.lake import Lake
from orchestration.assets.models import LOAD_LOG
from orchestration.instance import open_instance, prepare_home
from orchestration.translator import Translator
from tests.integration.orchestration.installation import (
    START,
    land,
    materialized,
    run,
    steps,
)
from tests.small_project import small_settings

pytestmark = pytest.mark.xdist_group("orchestration")  # what its tests share is made once


class TestFailures:
    def kept(self, settings: Settings, result: dg.ExecuteInProcessResult, before: Any) -> Status:
        """The run failed, the last step never began, readers keep the old version."""
        assert not result.success
        assert "published__version" not in steps(result, "STEP_START")
        assert current(settings) == before
        status = read_status(settings)
        assert not status.succeeded
        assert status.published_at is not None
        return status

    def test_a_failed_test_stops_the_run_and_is_shown(self, settings: Settings, dbt: WarmDbt) -> None:
        before = current(settings)
        land(settings, 2, received=31)  # one event more than there are rows: the books do not balance
        result = run(settings, dbt)
        status = self.kept(settings, result, before)
        check = "reconciliation_received_equals_the_parts"
        assert check in status.failed_checks
        assert check in status.reason
        [shown] = [c for c in result.get_asset_check_evaluations() if c.check_name == check and not c.passed]
        rows = str(shown.metadata["sample rows"].value).splitlines()
        assert rows[0].startswith("| tenant | source | received date | received | accepted |")
        assert rows[2].startswith("| rentals | web | 2026-03-04 | 31 | 30 |")
        assert LOAD_LOG not in materialized(result)
        assert steps(result, "STEP_FAILURE") == {"dbt_build"}

    def test_a_failed_expectation_stops_the_run_and_is_shown(
        self, settings: Settings, dbt: WarmDbt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = current(settings)
        failed = CheckResult("rows_are_usual", "expectation", "rentals/web", "error", False, "3 rows, 30 expected")
        warned = CheckResult("every_day_is_present", "expectation", "advisory/web", "warn", False, "nothing yet")
        monkeypatch.setattr(expectations, "run", lambda _: [failed, warned])
        land(settings, 2)
        result = run(settings, dbt)
        status = self.kept(settings, result, before)
        assert status.failed_checks == ("rows_are_usual",)
        shown = {c.check_name: (c.passed, c.severity) for c in result.get_asset_check_evaluations()}
        assert shown["rentals__web__rows_are_usual"] == (False, dg.AssetCheckSeverity.ERROR)
        assert shown["advisory__web__every_day_is_present"] == (False, dg.AssetCheckSeverity.WARN)

    def test_a_damaged_lake_stops_the_run_with_the_file_named(self, settings: Settings, dbt: WarmDbt) -> None:
        before = current(settings)
        lake = Lake.open(settings)
        land(settings, 2)
        entry = next(e for e in lake.entries("events") if str(START.date() + timedelta(days=2)) in e.path)
        Path(lake.locate(entry.path)).write_bytes(b"not parquet")
        status = self.kept(settings, run(settings, dbt), before)
        assert entry.path in status.reason

    def test_the_next_run_after_a_failure_publishes(self, settings: Settings, dbt: WarmDbt) -> None:
        land(settings, 2, received=29)
        assert not run(settings, dbt).success
        Lake.open(settings).land("rentals", "web", [], content_hash="found", received={date(2026, 3, 4): 1})
        assert run(settings, dbt).success
        assert read_status(settings).succeeded


class TestDbtsEventsAsDagsters:
    """The one name of dagster-dbt that is internal, on events as `almanac.dbt_worker` hands them on."""

    def events(self, manifest: dict[str, Any], unique_id: str, status: str) -> list[Any]:
        kind = "LogTestResult" if unique_id.startswith("test.") else "LogModelResult"
        event = {
            "info": {"name": kind, "msg": "", "invocation_id": "one"},
            "data": {
                "status": status,
                "execution_time": 0.5,
                "node_info": {"unique_id": unique_id, "node_status": status, "materialized": "table"},
            },
        }
        message = DbtCoreCliEventMessage(json.loads(json.dumps(event)), {})
        return list(message.to_default_asset_events(manifest, Translator()))

    def test_a_built_model_is_a_materialization_of_our_key(self, manifest: dict[str, Any]) -> None:
        [event] = self.events(manifest, "model.almanac.fact_sessions", "success")
        assert isinstance(event, dg.AssetMaterialization)
        assert event.asset_key == dg.AssetKey(["marts", "fact_sessions"])

    def test_a_failed_model_is_none(self, manifest: dict[str, Any]) -> None:
        assert self.events(manifest, "model.almanac.fact_sessions", "error") == []

    @pytest.mark.parametrize(("status", "passed"), [("pass", True), ("fail", False), ("error", False)])
    def test_a_test_is_a_check_of_its_model(self, manifest: dict[str, Any], status: str, passed: bool) -> None:
        unique_id = next(key for key in manifest["nodes"] if "unique_grain_fact_sessions" in key)
        [event] = self.events(manifest, unique_id, status)
        assert (event.asset_key, event.passed) == (dg.AssetKey(["marts", "fact_sessions"]), passed)

    def test_a_skipped_test_is_nothing(self, manifest: dict[str, Any]) -> None:
        unique_id = next(key for key in manifest["nodes"] if key.startswith("test."))
        assert self.events(manifest, unique_id, "skipped") == []


class TestDagstersHome:
    def test_it_is_written_when_absent_with_telemetry_off(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = small_settings(tmp_path)
        for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
            monkeypatch.setenv(name, "")
        with open_instance(settings) as instance:
            assert instance.telemetry_enabled is False
            assert instance.root_directory == str(settings.dagster_home)
            assert instance.run_monitoring_enabled
        assert {path.name for path in tmp_path.iterdir()} == {"dagster"}

    def test_it_is_yours_from_then_on(self, tmp_path: Path) -> None:
        settings = small_settings(tmp_path)
        own = prepare_home(settings) / "dagster.yaml"
        own.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
        prepare_home(settings)
        assert own.read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"
