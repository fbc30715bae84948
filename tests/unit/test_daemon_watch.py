"""A daemon of Dagster that has ended is noticed by the portal, the doctor and the health of the installation."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat
from fastapi.testclient import TestClient

from almanac import daemon, doctor_services
from almanac.errors import AlmanacError
from almanac.settings import DAGSTER_DSN, Settings
from orchestration.instance import open_instance
from serving.app import create_app
from tests.serving.published import note, publish

LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)  # or longer: tests begin minutes after import


@pytest.fixture
def new(tmp_path: Path) -> Settings:
    """An installation in which Dagster has never run."""
    return replace(Settings.for_home(tmp_path), environment="production")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One in which Dagster has; making its storage takes seconds, so every test writes its signs there."""
    return replace(Settings.for_home(tmp_path_factory.mktemp("home")), environment="production")


@pytest.fixture(scope="module")
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY", "DO_NOT_TRACK", DAGSTER_DSN):
            patch.setenv(name, "")  # put back at the end, whatever opening the instance sets
        with open_instance(settings) as opened:
            yield opened


def beat(instance: dg.DagsterInstance, at: datetime, *kinds: str) -> None:
    """Signs of parts of the daemon (default: all that are looked at), written by Dagster itself."""
    for kind in kinds or daemon.PARTS:
        instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), kind, "one", []))


def test_dagster_needs_every_part_that_is_looked_at(instance: dg.DagsterInstance) -> None:
    assert set(daemon.PARTS) <= set(instance.get_required_daemon_types())


def test_where_the_daemon_never_ran_nothing_is_made_and_only_production_fails(new: Settings) -> None:
    [line] = doctor_services.daemon(new)
    assert (line.verdict, line.seen) == ("fail", "has never run here")
    [line] = doctor_services.daemon(replace(new, environment="development"))
    assert (line.verdict, line.todo) == ("ok", "")
    assert not new.dagster_home.exists()


def test_a_daemon_is_silent_once_its_last_sign_is_older_than_the_limit(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    beat(instance, LONG_AGO)
    assert daemon.look(settings, LONG_AGO + daemon.SILENT_AFTER).silent == ()
    found = daemon.look(settings, LONG_AGO + daemon.SILENT_AFTER + timedelta(seconds=1))
    assert set(found.silent) == set(daemon.PARTS.values())
    assert found.silent_since == LONG_AGO


def test_one_part_that_has_ended_is_named_among_others_that_go_on(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    beat(instance, LONG_AGO, "SENSOR", "AN_OLD_KIND")
    beat(instance, datetime.now(UTC), "SCHEDULER", "QUEUED_RUN_COORDINATOR", "MONITORING")
    [line] = doctor_services.daemon(settings)
    assert line.verdict == "fail"
    assert line.seen == f"silent since {LONG_AGO:%Y-%m-%d %H:%M} UTC: sensors"
    assert line.since == LONG_AGO
    assert "late-data.md" in line.todo


def test_the_portal_says_it_on_every_page_and_stops_when_the_daemon_is_back(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    publish(settings)
    note(settings, succeeded=True, attempted_at=datetime.now(UTC))
    beat(instance, LONG_AGO)
    app = create_app(settings)
    with TestClient(app) as client:
        watch = app.state.portal.daemon
        watch.look_now()
        page = client.get("/kpis").text
        assert "Nothing has run by itself since" in page
        assert "Showing data of" in page
        parts = {part["part"]: part for part in client.get("/api/admin/monitoring/health").json()["parts"]}
        assert parts["daemon"]["state"] == "fail"
        assert datetime.fromisoformat(parts["daemon"]["since"]) == LONG_AGO
        beat(instance, datetime.now(UTC))
        watch.look_now()
        assert "Nothing has run by itself" not in client.get("/kpis").text


def test_outside_of_production_a_daemon_may_rest(settings: Settings, instance: dg.DagsterInstance) -> None:
    beat(instance, LONG_AGO)
    resting = replace(settings, environment="development")
    [line] = doctor_services.daemon(resting)
    assert (line.verdict, line.since) == ("ok", LONG_AGO)
    app = create_app(resting)
    with TestClient(app):
        app.state.portal.daemon.look_now()
        assert app.state.portal.daemon.silent_since() is None


def test_storage_that_cannot_be_read_is_named_without_a_secret(new: Settings) -> None:
    path = new.dagster_home / "storage" / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 100)
    with pytest.raises(AlmanacError, match=r"runs\.db cannot be read"):
        daemon.look(new, LONG_AGO)
    gone = replace(new, dagster_dsn="postgresql://dagster:s3cret@127.0.0.1:1/dagster")
    [line] = doctor_services.daemon(gone)
    assert line.verdict == "fail"
    assert DAGSTER_DSN in line.seen + line.todo
    assert "s3cret" not in str(line)


def test_storage_of_a_dagster_that_has_just_been_made_holds_no_sign(new: Settings) -> None:
    path = new.dagster_home / "storage" / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as con:
        con.execute("create table runs (id integer)")
    assert daemon.look(new, LONG_AGO).signs == {}
