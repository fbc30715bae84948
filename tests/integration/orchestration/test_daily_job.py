"""The job `daily`: what it makes, says and refuses."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from almanac.backfill import backfills
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from almanac.versions import current, read_status
from expectations.docs import docs_page
from ingestion.lake import Lake
from orchestration.assets.arrivals import ARRIVALS, check_name
from orchestration.assets.models import LOAD_LOG
from orchestration.assets.sources import source_key
from orchestration.definitions import build_defs
from orchestration.resources import Almanac
from orchestration.translator import LAKE
from tests.integration.orchestration.installation import (
    QUIET,
    VERSION,
    land,
    materialized,
    models_in_folders,
    run,
    steps,
    told,
)
from tests.lineage_endpoint import Kept
from tests.small_project import small_settings

pytestmark = pytest.mark.xdist_group("orchestration")  # what its tests share is made once


class TestTheDailyJob:
    def test_it_leads_from_the_lake_to_a_published_version(self, first: tuple[Path, dg.ExecuteInProcessResult]) -> None:
        settings = small_settings(first[0])
        assert first[1].success
        assert current(settings) is not None
        assert read_status(settings).succeeded

    def test_every_model_and_every_test_appears_as_an_event(
        self, first: tuple[Path, dg.ExecuteInProcessResult], manifest: dict[str, Any], root: Path
    ) -> None:
        result = first[1]
        assert materialized(result) == {*models_in_folders(root), LAKE, LOAD_LOG, ARRIVALS, VERSION}
        seen = Counter(c.check_name for c in result.get_asset_check_evaluations() if c.asset_key != ARRIVALS)
        tests = [node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"]
        assert seen == Counter(tests)

    def test_build_and_publication_are_told_as_parts_of_the_run(
        self, first: tuple[Path, dg.ExecuteInProcessResult], lineage: Kept
    ) -> None:
        for job in ("build", "publish"):
            assert [e["eventType"] for e in lineage.of(job)] == ["START", "COMPLETE"]
            for event in lineage.of(job):
                parent = event["run"]["facets"]["parent"]
                assert (parent["job"]["name"], parent["run"]["runId"]) == ("daily", first[1].run_id)

    def test_the_lake_says_how_much_it_holds(self, first: tuple[Path, dg.ExecuteInProcessResult]) -> None:
        metadata = told(first[1], LAKE)
        assert metadata["dagster/row_count"] == 60
        assert metadata["landings"] == 2
        assert metadata["bytes"] > 0
        assert metadata["seconds since the newest arrival"] > 0

    def test_models_say_their_rows_and_seconds_and_what_follows_says_how_far_it_lies_behind(
        self, first: tuple[Path, dg.ExecuteInProcessResult]
    ) -> None:
        events = told(first[1], dg.AssetKey(["marts", "fact_events"]))
        assert events["dagster/row_count"] == 60
        assert events["Execution Duration"] > 0
        assert "dagster/row_count" not in told(first[1], dg.AssetKey(["staging", "stg_events"])), "a view keeps none"
        built = told(first[1], LOAD_LOG)
        assert built["seconds of models and tests"] > 0
        assert built["bytes"] > 0
        assert built["seconds since the newest arrival built"] > 0
        assert told(first[1], VERSION)["seconds from the newest arrival to readers"] > 0

    def test_the_source_is_told_of_its_days(
        self, first: tuple[Path, dg.ExecuteInProcessResult], instance: dg.DagsterInstance
    ) -> None:
        assert first[1].success
        assert instance.get_materialized_partitions(source_key(("rentals", "web"))) >= {"2026-03-02", "2026-03-03"}

    def test_the_verdict_on_arrivals_names_the_page_that_explains_it(
        self, first: tuple[Path, dg.ExecuteInProcessResult]
    ) -> None:
        page = Path(str(told(first[1], ARRIVALS)["expectations"]))
        assert page == docs_page(small_settings(first[0]))
        assert "The rows of a day lie within the band" in page.read_text(encoding="utf-8")

    def test_a_judgement_that_cannot_be_written_down_is_told(self, settings: Settings, dbt: WarmDbt) -> None:
        before = current(settings)
        result = run(replace(settings, state_dsn="postgresql://nobody@127.0.0.1:9/none"), dbt)
        assert steps(result, "STEP_FAILURE") == {"arrivals"}
        assert "the application state" in read_status(settings).reason
        assert current(settings) == before

    def test_without_anything_new_models_are_observed_and_nothing_is_materialized_anew(
        self, settings: Settings, dbt: WarmDbt, root: Path
    ) -> None:
        before = current(settings)
        result = run(settings, dbt)
        assert result.success
        assert materialized(result) == {LAKE, LOAD_LOG, ARRIVALS, VERSION}
        observed = {event.asset_key for event in result.all_events if event.event_type_value == "ASSET_OBSERVATION"}
        assert observed == set(models_in_folders(root))
        assert current(settings) == before
        assert read_status(settings).succeeded

    def test_a_single_model_asked_for_is_shown_alone_but_everything_pending_is_built(
        self, settings: Settings, dbt: WarmDbt
    ) -> None:
        land(settings, 2)
        asked = dg.AssetKey(["marts", "fact_sessions"])
        result = run(settings, dbt, [asked])
        assert result.success
        assert materialized(result) == {asked}
        assert materialized(run(settings, dbt)) == {LAKE, LOAD_LOG, ARRIVALS, VERSION}

    def test_single_checks_can_be_asked_for(self, settings: Settings, dbt: WarmDbt) -> None:
        arrivals = dg.AssetCheckKey(ARRIVALS, check_name("rentals/web", "rows_are_usual"))
        grain = dg.AssetCheckKey(
            dg.AssetKey(["marts", "fact_sessions"]), "unique_grain_fact_sessions_tenant__session_id"
        )
        land(settings, 2)
        defs = build_defs(settings, runner=dbt)
        job = dg.define_asset_job("checks", selection=dg.AssetSelection.checks(arrivals, grain))
        checks = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("checks")
        with dg.DagsterInstance.ephemeral() as instance:
            result = checks.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)
        assert result.success
        assert {c.asset_check_key for c in result.get_asset_check_evaluations()} == {arrivals, grain}

    def test_what_has_landed_is_built_by_one_job_and_published_by_another(
        self, settings: Settings, dbt: WarmDbt
    ) -> None:
        defs = build_defs(settings, runner=dbt)
        sensor = defs.resolve_sensor_def("new_landings")
        before = current(settings)
        with dg.DagsterInstance.ephemeral() as instance:

            def look(cursor: str | None) -> tuple[Any, str | None]:
                context = dg.build_sensor_context(
                    instance=instance, cursor=cursor, resources={"almanac": Almanac(settings, dbt)}
                )
                return sensor(context), context.cursor

            def execute(job: str) -> dg.ExecuteInProcessResult:
                made = defs.resolve_job_def(job)
                return made.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)

            asked, cursor = look(None)
            assert isinstance(asked, dg.RunRequest)
            assert isinstance(look(cursor)[0], dg.SkipReason)
            land(settings, 2)
            waiting = instance.add_run(dg.DagsterRun("increment", status=dg.DagsterRunStatus.NOT_STARTED))
            assert "will take it" in str(look(cursor)[0])
            instance.delete_run(waiting.run_id)
            asked, after = look(cursor)
            assert isinstance(asked, dg.RunRequest)
            assert after != cursor

            built = execute("increment")
            assert built.success
            assert LOAD_LOG in materialized(built)
            assert VERSION not in materialized(built)
            assert current(settings) == before
            published = execute("publication")
            assert published.success
            assert materialized(published) == {ARRIVALS, VERSION}
            assert current(settings) != before

    def test_the_lake_is_verified_and_compacted(self, settings: Settings, dbt: WarmDbt) -> None:
        def keep_up() -> dg.ExecuteInProcessResult:
            job = build_defs(settings, runner=dbt).resolve_job_def("lake_upkeep")
            with dg.DagsterInstance.ephemeral() as instance:
                return job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)

        land(settings, 1, tag="more")
        before = Lake.open(settings).entries("events")
        assert keep_up().success
        entries = Lake.open(settings).entries("events")
        assert len(entries) == len(before) - 1
        assert {part for entry in entries for part in entry.parts} == {part for entry in before for part in entry.parts}
        (settings.lake / entries[0].path).write_bytes(b"")
        assert entries[0].path in str(keep_up().failure_data_for_node("verify_lake"))

    def test_days_of_arrival_can_be_built_once_more(self, settings: Settings, dbt: WarmDbt) -> None:
        def once_more(first: str, last: str) -> dg.ExecuteInProcessResult:
            job = build_defs(settings, runner=dbt).resolve_job_def("backfill")
            days = {"ops": {"build_once_more": {"config": {"first_day": first, "last_day": last}}}}
            with dg.DagsterInstance.ephemeral() as instance:
                return job.execute_in_process(instance=instance, run_config=QUIET | days, raise_on_error=False)

        before = current(settings)
        assert once_more("2026-03-02", "2026-03-08").success
        (made,) = backfills(settings)
        assert (len(made.chunks), made.waiting) == (1, [])
        assert current(settings) == before, "nothing was wrong, so nothing has changed"
        refused = once_more("yesterday", "2026-03-08")
        assert "'yesterday' is no day; write it like 2026-03-01" in str(
            refused.failure_data_for_node("build_once_more")
        )
