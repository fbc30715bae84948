"""The load log: what is pending follows from versions alone, and a load log of an earlier build still works."""

from pathlib import Path

import duckdb

from almanac.engines import Engine
from almanac.load_log import Landing, LoadLog, TenantRow
from ingestion.lake_rewrite import next_version

ONE = "00000000-0000-0000-0000-000000000001"


def test_another_version_is_work_and_another_path_is_not() -> None:
    log = LoadLog(Engine("duckdb", duckdb.connect()))
    log.sync_landings([Landing(ONE, "rentals", "a.parquet", 1)])
    assert [landing.version for landing in log.pending()] == [1]
    log.commit("run", {})
    log.sync_landings([Landing(ONE, "rentals", "compacted.parquet", 1)])
    assert log.pending() == []
    assert log.engine.execute("select path, built_version from ctl.file") == [("compacted.parquet", 1)]
    erased = Landing(ONE, "rentals", "compacted-v2.parquet", next_version(1, [3]))
    log.sync_landings([erased])
    assert log.pending() == [erased]
    log.commit("run", {})
    # The lake came back from a copy and then lost another row, with no build between.
    other = Landing(ONE, "rentals", "compacted-v2.parquet", next_version(1, [4]))
    log.sync_landings([other])
    assert log.pending() == [other]


def test_a_landing_that_left_the_lake_is_work_until_a_build_is_through() -> None:
    log = LoadLog(Engine("duckdb", duckdb.connect()))
    log.sync_landings([Landing(ONE, "rentals", "a.parquet", 1)])
    log.begin(full_refresh=False)  # this run fails, and may have taken winners from the landing
    for _ in range(2):
        log.sync_landings([])
        assert log.pending() == [Landing(ONE, "rentals", "", 0)]
        log.begin(full_refresh=False)
    log.commit("run", {})
    assert log.pending() == []
    assert log.engine.execute("from ctl.file") == []


def test_a_load_log_of_an_earlier_almanac_is_taken_over(tmp_path: Path) -> None:
    path = str(tmp_path / "build.duckdb")
    with duckdb.connect(path) as con:
        con.execute("create schema ctl")
        con.execute(
            "create table ctl.file (file_id uuid, tenant varchar, path varchar, version integer, "
            "built_version integer, built_by_run varchar)"
        )
        con.execute("insert into ctl.file values (?, 'rentals', 'a-v2.parquet', 2, 2, 'run')", [ONE])
        con.execute("create table ctl.lake_file (kind varchar, path varchar)")
        con.execute("create table ctl.changed (producer varchar, kind varchar, tenant varchar, entity varchar)")
        con.execute("insert into ctl.changed values ('fact_events', 'user', 'rentals', 'mia')")
    with duckdb.connect(path) as con:
        log = LoadLog(Engine("duckdb", con))
        # What a failed run left: nobody says since when, so it is over all of time.
        assert log.engine.execute("select entity, since from ctl.changed") == [("mia", None)]
        log.commit("run", {})
        assert log.engine.execute("select entity, since from ctl.cause") == [("mia", None)]
        log.sync_landings([Landing(ONE, "rentals", "a-v2.parquet", 2)])
        assert log.pending() == []
        later = Landing(ONE, "rentals", "a-v3.parquet", next_version(2, [0]))
        log.sync_landings([later])
        assert log.pending() == [later]
        files = [("counters", "c.parquet", "rentals", "a-hash")]
        log.replace_lake_files(files, [])
        assert log.engine.execute("select kind, path, tenant, file_hash from ctl.lake_file") == files


def test_the_days_of_a_zone_are_there_as_long_as_a_tenant_in_it_has_a_landing() -> None:
    log = LoadLog(Engine("duckdb", duckdb.connect()))
    zones = {"rentals": "Europe/Berlin", "advisory": "Asia/Kolkata"}
    tenants = [TenantRow(tenant, tenant, "any", zone, "EUR") for tenant, zone in zones.items()]
    for landed in (["rentals"], ["rentals", "advisory"], ["advisory"], []):
        log.replace_tenants(tenants, landed)
        known = {zone for (zone,) in log.engine.execute("select distinct time_zone from ctl.local_day")}
        assert known == {zones[tenant] for tenant in landed}
