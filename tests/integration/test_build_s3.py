"""The whole path over a real S3 server: land, build, publish, build again; the numbers equal those of a folder."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import Runner, WarmDbt
from almanac.publish import publish
from almanac.settings import Settings
from almanac.spawned_dbt import SpawnedDbt
from ingestion.lake import Lake
from tests import postgres, s3
from tests.small_lake import FIRST_DAY, PASSED, land_day, land_days
from tests.small_project import small_settings

pytestmark = pytest.mark.xdist_group("build_s3")


@pytest.fixture(scope="module")
def in_folder(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return small_settings(tmp_path_factory.mktemp("folder"))


@pytest.fixture(scope="module")
def in_bucket(tmp_path_factory: pytest.TempPathFactory, s3_server: str) -> Settings:
    settings = small_settings(tmp_path_factory.mktemp("bucket"))
    return replace(settings, object_store=s3.new_bucket(s3_server))


def test_a_lake_in_a_bucket_gives_the_same_numbers_as_one_in_a_folder(in_folder: Settings, in_bucket: Settings) -> None:
    versions = []
    warm = WarmDbt(data_tests=False)
    for settings in (in_folder, in_bucket):
        for step in ("first", "late and erased"):
            if step == "first":
                land_days(settings, 2)
            else:
                land_day(settings, FIRST_DAY, tag="late")
                lake = Lake.open(settings)
                lake.rewrite(lake.entries("events")[0].path, "anonymous_id = 'visitor-2'")
            runner: Runner = SpawnedDbt() if settings is in_bucket and step == "first" else warm
            result = run_build(settings, runner=runner)
            assert (result.succeeded, result.error) == (True, "")
            publication = publish(settings, PASSED)
        versions.append(publication.version)
        assert not run_build(settings, runner=warm).built, "nothing is new"
    folder, bucket = (_published(version.path) for version in versions)
    assert folder["kpi_values"], "there are numbers to compare"
    assert folder["fact_events"] == bucket["fact_events"]
    assert folder["kpi_values"] == bucket["kpi_values"]
    assert folder["kpi_history"] == bucket["kpi_history"]
    assert not (in_bucket.home / "lake").exists()


@pytest.mark.deep
def test_a_rebuild_from_the_bucket_gives_what_the_builds_gave(in_bucket: Settings, tmp_path: Path) -> None:
    land_day(in_bucket, FIRST_DAY + timedelta(days=5))
    assert run_build(in_bucket, runner=WarmDbt(data_tests=False)).succeeded
    land_day(in_bucket, FIRST_DAY + timedelta(days=5), tag="late")
    assert run_build(in_bucket, runner=WarmDbt(data_tests=False)).succeeded
    again = replace(small_settings(tmp_path), object_store=in_bucket.object_store)
    assert run_build(again, runner=WarmDbt(), full_refresh=True).succeeded
    query = "from kpis.kpi_values order by all"
    assert _rows(again.warehouse, query) == _rows(in_bucket.warehouse, query) != []


def test_postgresql_is_filled_from_the_bucket(in_bucket: Settings, postgres_dsn: str) -> None:
    with postgres.database(postgres_dsn) as dsn:
        settings = replace(in_bucket.with_target("postgres"), postgres_dsn=dsn)
        result = run_build(settings, runner=WarmDbt(data_tests=False))
        assert (result.succeeded, result.error) == (True, "")
        counted = postgres.execute(dsn, "select count(*), count(distinct message_id) from marts.fact_events")
    assert counted == _rows(in_bucket.warehouse, "select count(*), count(distinct message_id) from marts.fact_events")


def test_a_damaged_file_of_the_bucket_stops_the_build(in_bucket: Settings) -> None:
    land_day(in_bucket, FIRST_DAY + timedelta(days=9))
    lake = Lake.open(in_bucket)
    store, path = lake._store, lake.entries("events")[-1].path
    whole = store.read(path)
    store.put(path, whole[:-1] + b"?")
    with pytest.raises(Exception, match="lake_file_corrupt"):
        run_build(in_bucket, runner=WarmDbt(data_tests=False))
    store.put(path, whole)


def _published(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    history = "select * exclude (publication_id, published_at) from kpi_history order by all"
    return {
        "kpi_values": _rows(path, "from kpi_values order by all"),
        "kpi_history": _rows(path, history),
        "fact_events": _rows(path, "from fact_events order by all"),
    }


def _rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as con:
        return con.execute(query).fetchall()
