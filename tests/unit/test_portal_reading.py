"""Reading published versions: hardened, held while read, let go when a newer one is there."""

from pathlib import Path

import duckdb
import pytest

from almanac.settings import Settings
from serving import reading as module
from serving.catalogue import publication, tenants
from serving.problems import NothingPublished, Problem
from serving.reading import Reading, Versions
from tests.serving.published import publish


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings.for_home(tmp_path_factory.mktemp("reading"))
    publish(made, "first")
    return made


def test_nothing_published_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished), Versions(Settings.for_home(tmp_path)).reading():
        pass


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('pyproject.toml')",
        "copy kpi_values to 'stolen.csv'",
        "attach 'other.duckdb'",
        "install httpfs",
        "set enable_external_access = true",
        "set threads = 8",
        "insert into kpi_values default values",
        "drop table kpi_values",
    ],
)
def test_the_connection_reads_its_version_and_can_do_nothing_else(settings: Settings, sql: str) -> None:
    versions = Versions(settings)
    try:
        with versions.reading() as reading, pytest.raises((duckdb.Error, Problem)):
            reading.rows(sql)
        with versions.reading() as reading:
            assert reading.rows("select count(*) from kpi_values")[0][0] > 0
    finally:
        versions.close()


def test_python_variables_cannot_be_read(settings: Settings) -> None:
    secret = [{"key": "of the caller"}]
    versions = Versions(settings)
    try:
        with versions.reading() as reading, pytest.raises((duckdb.Error, Problem)):
            reading.rows("select * from secret")
        assert secret
    finally:
        versions.close()


def test_a_reader_keeps_its_version_and_the_old_one_is_let_go_when_it_finishes(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    publish(settings, "first")
    versions = Versions(settings)
    with versions.reading() as before:
        publish(settings, "second")
        with versions.reading() as after:
            assert (publication(before).id, publication(after).id) == ("first", "second")
            assert sorted(versions._open) == ["first", "second"]
        assert before.rows("select count(*) from kpi_values")[0][0] > 0
    assert list(versions._open) == ["second"]
    versions.close()
    assert not versions._open


def test_what_is_remembered_belongs_to_a_version(settings: Settings) -> None:
    versions = Versions(settings)
    try:
        with versions.reading() as reading:
            assert list(tenants(reading)) == ["advisory", "rentals"]
            first = tenants(reading)
        with versions.reading() as reading:
            assert tenants(reading) is first
    finally:
        versions.close()


@pytest.mark.parametrize("sql", ["select later from kpi_values", "from mv_of_tomorrow"])
def test_a_version_without_what_is_asked_for_says_that_it_is_older(settings: Settings, sql: str) -> None:
    versions = Versions(settings)
    try:
        with pytest.raises(Problem, match="published by an older Almanac") as problem, versions.reading() as reading:
            reading.rows(sql)
        assert problem.value.code == "older_version"
    finally:
        versions.close()


def test_a_query_that_takes_too_long_is_stopped(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUERY_SECONDS", 0.2)
    versions = Versions(settings)
    endless = "select count(*) from range(1000000) as a, range(1000000) as b where a.range * b.range = 7"
    try:
        with pytest.raises(Problem) as problem, versions.reading() as reading:
            reading.rows(endless)
        assert problem.value.code == "query_timeout"
    finally:
        versions.close()


def test_more_readers_than_connections_wait_and_are_then_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(module, "READERS", 1)
    versions = Versions(settings)
    try:
        with versions.reading() as reading:
            with pytest.raises(Problem) as problem, versions.reading():
                pass
            assert problem.value.code == "busy"
            assert isinstance(reading, Reading)
        with versions.reading():
            pass
    finally:
        versions.close()
