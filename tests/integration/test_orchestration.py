"""What Dagster loads and runs: the graph, the job from lake to published numbers, and what a failure leaves behind."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

import expectations
from almanac.backfill import backfills
from almanac.checks import CheckResult
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from almanac.versions import Status, current, read_status
from dashboards.specs import dashboard_files
from expectations.docs import docs_page
from expectations.judge import expected_sources
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.tracking_plan import load_plan
from orchestration.assets.arrivals import ARRIVALS, check_name
from orchestration.assets.models import LOAD_LOG
from orchestration.assets.sources import source_key
from orchestration.definitions import build_defs
from orchestration.instance import open_instance, prepare_home
from orchestration.manifest import load_manifest
from orchestration.queues import LIMIT, QUEUE
from orchestration.resources import Almanac
from orchestration.translator import LAKE, TRACKING_PLAN, Translator
from tests.lineage_endpoint import Kept, endpoint
from tests.small_project import small_root, small_settings

pytestmark = pytest.mark.xdist_group("orchestration")  # what its tests share is made once

VERSION = dg.AssetKey(["published", "version"])
OVERVIEW = dg.AssetKey(["dashboards", "overview"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
_opened: list[dg.DagsterInstance] = []


@pytest.fixture(scope="module")
def root() -> Path:
    """The project that is loaded and run."""
    return small_root()


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    return WarmDbt()


@pytest.fixture(scope="module", autouse=True)
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One Dagster for the runs of all tests, with Almanac's storage: one in memory makes a run twice as dear."""
    home = prepare_home(small_settings(tmp_path_factory.mktemp("dagster")))
    with dg.DagsterInstance.from_config(str(home)) as opened:
        _opened.append(opened)
        yield opened
        _opened.clear()


@pytest.fixture(scope="module")
def lineage() -> Iterator[Kept]:
    """An endpoint that is told of the first run."""
    with endpoint() as kept:
        yield kept


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, dbt: WarmDbt, lineage: Kept
) -> tuple[Path, dg.ExecuteInProcessResult]:
    """A tiny lake, and one run of the job from nothing to a published version."""
    settings = small_settings(tmp_path_factory.mktemp("home"))
    for day in range(2):
        land(settings, day)
    return settings.home, run(lineage.told(settings), dbt)


@pytest.fixture(scope="module")
def home(first: tuple[Path, dg.ExecuteInProcessResult]) -> Path:
    """The installation after that run."""
    return first[0]


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> Settings:
    """The installation after that run, for one test alone."""
    shutil.copytree(home, tmp_path / "home")
    return small_settings(tmp_path / "home")


@pytest.fixture(scope="module")
def manifest(home: Path) -> dict[str, Any]:
    return load_manifest(small_settings(home))


@pytest.fixture(scope="module")
def graph(home: Path) -> Any:
    return build_defs(small_settings(home)).resolve_asset_graph()


def dashboards_of(root: Path) -> set[dg.AssetKey]:
    """An asset for each file of a dashboard."""
    return {dg.AssetKey(["dashboards", path.stem]) for path in dashboard_files(root)}


def sources_of(root: Path) -> set[dg.AssetKey]:
    """An asset for each source that a tenant lists."""
    return {source_key((t.tenant, name)) for t in load_plan(root).tenants.values() for name in t.sources}


def told(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    """What a run says of one asset that it made."""
    [event] = [e for e in result.get_asset_materialization_events() if e.asset_key == key]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def land(settings: Settings, day: int, received: int = 30, tag: str = "") -> None:
    """One landing of 30 page views on a day; `received` is what the door claims to have counted."""
    at = START + timedelta(days=day)
    arrivals = [
        Arrival(
            at + timedelta(minutes=n),
            {
                "type": "page",
                "name": "Home",
                "messageId": f"{tag}{day}-{n}",
                "anonymousId": f"device-{n % 5}",
                "timestamp": (at + timedelta(minutes=n)).isoformat(),
            },
        )
        for n in range(30)
    ]
    Lake.open(settings).land("rentals", "web", arrivals, content_hash=f"{tag}{day}", received={at.date(): received})


def run(settings: Settings, dbt: WarmDbt, only: list[dg.AssetKey] | None = None) -> dg.ExecuteInProcessResult:
    """Run the job `daily`, or of its assets only these."""
    job = build_defs(settings, runner=dbt).resolve_job_def("daily")
    (instance,) = _opened
    return job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False, asset_selection=only)


def materialized(result: dg.ExecuteInProcessResult) -> set[dg.AssetKey]:
    return {event.asset_key for event in result.get_asset_materialization_events() if event.asset_key}


def steps(result: dg.ExecuteInProcessResult, kind: str) -> set[str | None]:
    return {event.step_key for event in result.all_events if event.event_type_value == kind}


def models_in_folders(root: Path) -> dict[dg.AssetKey, str]:
    """Key and group of every model as its file says: layer and name, layer and area."""
    models = root / "dbt_project" / "models"
    return {
        dg.AssetKey([path.relative_to(models).parts[0], path.stem]): "_".join(path.relative_to(models).parts[:-1])
        for path in models.rglob("*.sql")
    }


class TestTheGraph:
    def test_every_model_is_an_asset_named_and_grouped_by_its_folder(self, graph: Any, root: Path) -> None:
        groups = {key: graph.get(key).group_name for key in graph.get_all_asset_keys()}
        others = {
            LAKE: "lake",
            TRACKING_PLAN: "tracking_plan",
            LOAD_LOG: "gate",
            ARRIVALS: "gate",
            VERSION: "published",
        }
        ends = dict.fromkeys(dashboards_of(root), "dashboards") | dict.fromkeys(sources_of(root), "sources")
        assert groups == models_in_folders(root) | others | ends

    def test_every_asset_has_what_a_person_wants_to_know_of_it(self, graph: Any, root: Path) -> None:
        for key in graph.get_all_asset_keys():
            node = graph.get(key)
            assert node.description, key
            assert node.owners, key
            assert node.kinds, key
            assert node.tags["almanac/layer"], key
            assert (root / node.metadata["docs"]).is_file(), key

    def test_a_source_has_a_partition_for_each_day_of_arrival_and_nothing_else_has(
        self, graph: Any, root: Path
    ) -> None:
        partitioned = {key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def}
        assert partitioned == sources_of(root)
        assert {key for key in partitioned if graph.get(key).is_materializable} == set()
        assert "Expected every day." in graph.get(source_key(("rentals", "web"))).description
        assert graph.get(source_key(("online_retail", "online_retail"))).kinds == {"csv"}

    def test_every_data_test_is_a_check_of_its_model(self, graph: Any, manifest: dict[str, Any]) -> None:
        tests = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
        checks = {key.name for key in graph.asset_check_keys if key.asset_key != ARRIVALS}
        assert checks == tests

    def test_every_expectation_on_an_expected_source_is_a_check(self, graph: Any, root: Path) -> None:
        checks = {key.name for key in graph.asset_check_keys if key.asset_key == ARRIVALS}
        sources = expected_sources(load_plan(root))
        assert checks == {check_name("/".join(source), name) for source in sources for name in expectations.CHECKS}
        assert "rentals__web__rows_are_usual" in checks

    def test_it_begins_with_sources_and_tracking_plan_and_ends_with_the_dashboards(
        self, graph: Any, root: Path
    ) -> None:
        keys = graph.get_all_asset_keys()
        assert {key for key in keys if not graph.get(key).parent_keys} == {*sources_of(root), TRACKING_PLAN}
        assert graph.get(LAKE).parent_keys == sources_of(root)
        assert {key for key in keys if not graph.get(key).child_keys} == dashboards_of(root)

    def test_a_dashboard_stands_over_the_published_version_and_the_models_of_its_kpis(self, graph: Any) -> None:
        facts = {dg.AssetKey(["marts", f"fact_{name}"]) for name in ("revenue", "searches", "sessions", "user_days")}
        assert graph.get(OVERVIEW).parent_keys == {VERSION, dg.AssetKey(["kpis", "kpi_values"]), *facts}
        assert not graph.get(OVERVIEW).is_materializable
        assert "take_rate" in graph.get(OVERVIEW).metadata["KPIs"]

    def test_daily_and_hourly_work_is_in_a_queue_and_a_backfill_is_not(self, home: Path) -> None:
        defs = build_defs(small_settings(home))
        tags = {name: defs.resolve_job_def(name).tags for name in ("daily", "increment", "publication", "backfill")}
        in_queue = {name for name, found in tags.items() if found.get(QUEUE) == "aggregation"}
        assert in_queue == {"daily", "increment", "publication"}
        assert tags["daily"][LIMIT] == "300"
        assert tags["backfill"][LIMIT] == "0"
        pools = {pool for node in defs.resolve_job_def("daily").nodes for pool in node.definition.pools}
        assert pools == {"aggregation"}, "a paused queue would not hold the job back"

    def test_loading_it_reads_no_environment_and_opens_no_warehouse(self, home: Path) -> None:
        defs = build_defs(small_settings(home))
        dg.Definitions.validate_loadable(defs)


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


class TestTheManifest:
    def test_it_is_parsed_again_only_when_the_project_has_changed(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parsed: list[Path] = []
        monkeypatch.setattr("orchestration.manifest._parse", lambda settings, folder: parsed.append(folder))
        settings = small_settings(home)
        load_manifest(settings)
        assert parsed == []
        manifest = settings.home / "dbt" / "duckdb-definitions" / "manifest.json"
        newer = max(path.stat().st_mtime_ns for path in (settings.root / "dbt_project").rglob("*"))
        os.utime(manifest, ns=(newer - 1, newer - 1))
        load_manifest(settings)
        assert len(parsed) == 1
