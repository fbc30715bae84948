"""Where Dagster keeps its runs: SQLite on one machine, a PostgreSQL server in production."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy import text

from almanac import daemon
from almanac.cli_doctor import _dagster
from almanac.errors import AlmanacError
from almanac.settings import DAGSTER_DSN, Settings
from orchestration import instance_file, ui
from orchestration.instance import environment, make_storage, open_instance, prepare_home
from orchestration.sqlite_storage import KeptEventLog
from tests.postgres import database, execute

SECRET = "postgresql://dagster:s3cret@db.internal:5432/dagster"
has_package = pytest.mark.skipif(
    importlib.util.find_spec("dagster_postgres") is None, reason="the package dagster-postgres is not installed"
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY", "DO_NOT_TRACK", DAGSTER_DSN):
        monkeypatch.setenv(name, "")  # put back at the end, whatever opening the instance sets
    return replace(Settings.for_home(tmp_path), dagster_dsn=SECRET)


@pytest.fixture
def with_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the package were there: what is written does not depend on it."""
    monkeypatch.setattr("orchestration.instance.importlib.util.find_spec", lambda name: object())


@pytest.mark.usefixtures("with_package")
class TestTheFile:
    def test_it_names_the_variable_and_not_the_password(self, settings: Settings) -> None:
        env = environment(settings)
        text = (settings.dagster_home / "dagster.yaml").read_text()
        assert "s3cret" not in text
        assert yaml.safe_load(text)["storage"] == {"postgres": {"postgres_url": {"env": DAGSTER_DSN}}}
        assert env[DAGSTER_DSN] == SECRET

    def test_dagster_reads_it_as_storage_on_postgresql(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(DAGSTER_DSN, SECRET)
        reference = InstanceRef.from_dir(str(prepare_home(settings)))
        for part in (reference.run_storage_data, reference.event_storage_data, reference.schedule_storage_data):
            assert part is not None
            assert part.module_name == "dagster_postgres"
            assert yaml.safe_load(part.config_yaml) == {"postgres_url": {"env": DAGSTER_DSN}}
            assert "s3cret" not in part.config_yaml

    def test_everything_else_is_as_with_sqlite(self, settings: Settings, tmp_path: Path) -> None:
        one = yaml.safe_load((prepare_home(settings) / "dagster.yaml").read_text())
        other = Settings.for_home(tmp_path / "other")
        two = yaml.safe_load((prepare_home(other) / "dagster.yaml").read_text())
        assert one | {"storage": 0} == two | {"storage": 0}
        assert two["storage"]["custom"]["config"] == {"base_dir": str(other.dagster_home / "storage")}
        assert DAGSTER_DSN not in environment(other)

    def test_a_file_that_says_otherwise_is_not_passed_over(self, settings: Settings) -> None:
        without = replace(settings, dagster_dsn=None)
        path = prepare_home(without) / "dagster.yaml"
        with pytest.raises(AlmanacError, match=r"dagster\.yaml keeps runs elsewhere: move that file away"):
            prepare_home(settings)
        path.rename(path.with_suffix(".old"))
        prepare_home(settings)
        with pytest.raises(AlmanacError, match="which is not set: set it"):
            prepare_home(without)


def test_programs_that_start_at_once_write_it_together(tmp_path: Path) -> None:
    for n in range(10):
        own = Settings.for_home(tmp_path / str(n))
        with ThreadPoolExecutor(8) as starting:
            homes = set(starting.map(lambda _, own=own: prepare_home(own), range(8)))
        assert homes == {own.dagster_home}
        assert instance_file.path(own).read_text(encoding="utf-8") == instance_file.content(own)


def test_programs_that_start_at_once_make_one_storage_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DAGSTER_DSN, raising=False)
    own = Settings.for_home(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(own)))
    with ThreadPoolExecutor(4) as starting:
        list(starting.map(lambda _: make_storage(own), range(4)))
    with open_instance(own) as instance:
        assert instance.get_runs() == []
        instance.run_storage.get_daemon_heartbeats()


def test_a_file_of_an_earlier_almanac_is_renewed_and_one_that_somebody_changed_is_not(settings: Settings) -> None:
    without = replace(settings, dagster_dsn=None)
    path = prepare_home(without) / "dagster.yaml"
    new = path.read_text(encoding="utf-8")
    old = new.replace(
        f"""  custom:
    module: orchestration.sqlite_storage
    class: KeptSqliteStorage
    config:
      base_dir: {without.dagster_home / "storage"}""",
        f"""  sqlite:
    base_dir: {without.dagster_home / "storage"}""",
    )

    def said() -> list[tuple[str, str]]:
        return [(line.verdict, line.seen) for line in _dagster(without)]

    assert said() == [("ok", f"{path} is as this Almanac writes it")]
    path.write_text(old, encoding="utf-8")
    assert said() == [("warn", f"{path} is of an earlier Almanac")]
    assert path.read_text(encoding="utf-8") == old, "looking changes nothing"
    prepare_home(without)
    assert path.read_text(encoding="utf-8") == new

    mine = old.replace("max_concurrent_runs: 4", "max_concurrent_runs: 9").replace(
        "  pools:\n    granularity: run\n", ""
    )
    path.write_text(mine, encoding="utf-8")
    prepare_home(without)
    assert path.read_text(encoding="utf-8") == mine
    [(verdict, seen)] = said()
    assert verdict == "warn"
    assert "concurrency.pools, concurrency.runs, storage.custom, storage.sqlite differ" in seen
    path.write_text("storage: {", encoding="utf-8")
    assert [verdict for verdict, _ in said()] == ["fail"]


@pytest.mark.parametrize("dsn", [None, SECRET], ids=["sqlite", "postgresql"])
def test_what_is_written_now_will_be_known_as_such(settings: Settings, dsn: str | None) -> None:
    """Whoever changes the file adds its mark to `WRITTEN`, so that later versions renew it."""
    own = replace(settings, dagster_dsn=dsn)
    assert instance_file.mark(instance_file.content(own), own) in instance_file.WRITTEN


def test_a_missing_package_is_said_before_dagster_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.instance.importlib.util.find_spec", lambda name: None)
    with pytest.raises(AlmanacError, match="needs the package dagster-postgres: install Almanac's extra `postgres`"):
        environment(settings)


def test_the_program_says_it_in_one_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_home(replace(settings, dagster_dsn=None))
    monkeypatch.setenv("ALMANAC_HOME", str(settings.home))
    monkeypatch.setenv(DAGSTER_DSN, SECRET)
    monkeypatch.setattr("sys.argv", ["ui", "--only", "daemon"])
    with pytest.raises(SystemExit, match=r"^Error: ALMANAC_DAGSTER_POSTGRES_DSN is set, but .*keeps runs elsewhere"):
        ui.main()


@dg.op
def a_step() -> int:
    return 1


@dg.job
def a_job() -> None:
    a_step()


def test_a_run_is_recorded_whole_and_not_repeated_in_the_log_of_its_process(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_instance(replace(settings, dagster_dsn=None)) as instance:
        result = a_job.execute_in_process(instance=instance)
        assert steps_that_succeeded(instance, result.run_id) == 1
    assert "STEP_" not in capfd.readouterr().err


def steps_that_succeeded(instance: dg.DagsterInstance, run_id: str) -> int:
    records = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return len(records)


@has_package
def test_a_run_is_recorded_in_postgresql_and_read_back(settings: Settings, postgres_dsn: str) -> None:
    with database(postgres_dsn) as dsn:
        settings = replace(settings, dagster_dsn=dsn)
        with open_instance(settings) as instance:
            result = a_job.execute_in_process(instance=instance)
            assert result.success
        with open_instance(settings) as again:
            [run] = again.get_runs(dg.RunsFilter(job_name="a_job"))
            assert (run.run_id, run.status) == (result.run_id, dg.DagsterRunStatus.SUCCESS)
            assert steps_that_succeeded(again, run.run_id) == 1
        assert execute(dsn, "select run_id, status from runs") == [(result.run_id, "SUCCESS")]
        assert not list(settings.dagster_home.rglob("*.db"))


@has_package
def test_signs_of_the_daemon_in_postgresql_are_read_whatever_time_zone_their_writer_had(
    settings: Settings, postgres_dsn: str
) -> None:
    at = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
    with database(postgres_dsn) as dsn:
        settings = replace(settings, dagster_dsn=dsn)
        assert daemon.look(settings, at).signs == {}, "Dagster has made no table yet"
        execute(dsn, f"alter database {urlparse(dsn).path[1:]} set timezone = 'Asia/Kolkata'")
        with open_instance(settings) as instance:
            instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), "SENSOR", "one", []))
        assert daemon.look(settings, at).signs == {"sensors": at}
        assert daemon.look(settings, at + timedelta(hours=1)).silent_since == at


@has_package
def test_a_server_that_is_gone_is_an_error_that_does_not_show_the_password(settings: Settings) -> None:
    settings = replace(settings, dagster_dsn="postgresql://dagster:s3cret@127.0.0.1:1/dagster?connect_timeout=1")
    with pytest.raises(Exception, match="onnection") as raised, open_instance(settings) as instance:
        instance.get_runs()
    assert "s3cret" not in str(raised.value)


def test_kept_connections_and_dagsters_own_storage_read_each_others_runs(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    base_dir = str(settings.dagster_home / "storage")

    @dg.asset
    def one() -> None:
        """Something to materialize."""

    def materialized(instance: dg.DagsterInstance) -> list[str]:
        found = instance.fetch_materializations(one.key, limit=20).records
        return sorted(record.run_id for record in found)

    with open_instance(settings) as kept:
        assert isinstance(kept.event_log_storage, KeptEventLog)
        # more runs than databases stay open
        made = [dg.materialize([one], instance=kept).run_id for _ in range(12)]
        assert materialized(kept) == sorted(made)
    overrides = {"storage": {"sqlite": {"base_dir": base_dir}}}
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path), overrides=overrides)) as own:
        assert not isinstance(own.event_log_storage, KeptEventLog)
        made.append(dg.materialize([one], instance=own).run_id)
        assert materialized(own) == sorted(made)
        assert own.all_logs(made[0])
    with open_instance(settings) as kept:
        assert materialized(kept) == sorted(made)
        kept.wipe()
        assert materialized(kept) == []
        made = [dg.materialize([one], instance=kept).run_id]
        assert materialized(kept) == made


def test_a_table_or_column_that_a_migration_adds_later_is_seen(tmp_path: Path) -> None:
    with open_instance(Settings.for_home(tmp_path)) as instance:
        log = instance.event_log_storage
        assert isinstance(log, KeptEventLog)
        assert log.has_table("asset_keys")
        assert log.has_asset_key_col("last_run_id")
        assert not log.has_table("added")
        assert not log.has_asset_key_col("added")
        with log.index_connection() as connection:
            connection.execute(text("create table added (id integer)"))
            connection.execute(text("alter table asset_keys add column added integer"))
        assert log.has_table("added")
        assert log.has_asset_key_col("added")


def test_what_a_run_is_going_to_do_is_written_as_dagster_writes_it(tmp_path: Path) -> None:
    @dg.asset
    def one() -> None:
        """Something to materialize and to check."""

    @dg.asset_check(asset=one)
    def right() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=one)
    def whole() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset(deps=[one])
    def two() -> None:
        """Something more."""

    all_of_it = dg.Definitions([one, two], jobs=[dg.define_asset_job("both")], asset_checks=[right, whole])
    job = all_of_it.resolve_job_def("both")

    def written(instance: dg.DagsterInstance) -> dict[str, list[tuple[Any, ...]]]:
        log = instance.event_log_storage
        assert isinstance(log, SqliteEventLogStorage)
        run_id = instance.create_run_for_job(job).run_id
        events = (
            "select id, run_id = :run, dagster_event_type, step_key, asset_key, partition from event_logs order by id"
        )
        assets = "select asset_key, last_run_id = :run, last_materialization from asset_keys order by 1"
        checks = (
            "select asset_key, check_name, partition, run_id = :run, execution_status, evaluation_event_storage_id "
            "from asset_check_executions order by 1, 2"
        )
        found = {}
        for name, query in (("events", events), ("assets", assets), ("checks", checks)):
            with log.index_connection() as connection:
                found[name] = [tuple(row) for row in connection.execute(text(query), {"run": run_id})]
        with log.run_connection(run_id) as connection:
            found["of the run"] = [tuple(row) for row in connection.execute(text(events), {"run": run_id})]
        found["read back"] = [
            (entry.dagster_event.event_type_value, entry.dagster_event.message)
            for entry in instance.all_logs(run_id)
            if entry.dagster_event
        ]
        return found

    with open_instance(Settings.for_home(tmp_path / "kept")) as kept:
        by_us = written(kept)
    overrides = {"storage": {"sqlite": {"base_dir": str(tmp_path / "own" / "storage")}}}
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path), overrides=overrides)) as own:
        by_dagster = written(own)
    assert len(by_us["events"]) == 4
    assert by_us == by_dagster


def test_what_another_program_made_newest_is_the_newest(tmp_path: Path) -> None:
    @dg.asset
    def one() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"rows": 3, "page": dg.MetadataValue.url("http://127.0.0.1/")})

    def newest(instance: dg.DagsterInstance) -> tuple[Any, ...]:
        [record] = instance.get_asset_records([one.key])
        stored = record.asset_entry.last_materialization_record
        assert stored
        assert stored.asset_materialization
        return stored.run_id, stored.storage_id, dict(stored.asset_materialization.metadata)

    settings = Settings.for_home(tmp_path)
    with open_instance(settings) as kept:
        overrides = {"storage": {"sqlite": {"base_dir": str(settings.dagster_home / "storage")}}}
        with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path), overrides=overrides)) as own:
            for made_by in (kept, own, kept):
                run_id = dg.materialize([one], instance=made_by).run_id
                assert newest(kept) == newest(own)
                assert newest(kept)[0] == run_id
            kept.wipe_assets([one.key])
            assert not kept.get_asset_records([one.key])
            assert not own.get_asset_records([one.key])
            run_id = dg.materialize([one], instance=kept).run_id
            assert newest(kept) == newest(own)
            assert newest(kept)[0] == run_id
