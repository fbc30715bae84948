"""What is work for a build: whatever landed or changed, and nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from almanac.build import BuildResult, run_build
from almanac.dbt_worker import DbtRun, Node
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.versions import read_status
from ingestion.lake import Lake
from ingestion.lake_tables import Table, TableRow, land_rows
from tests.small_lake import FIRST_DAY, land_day

REFUSED = {"type": "track", "event": "unheard_of", "anonymousId": "a"}


class NoModels:
    """In the place of dbt: nothing is built, and it went well."""

    def build(self, *_: object, **__: object) -> DbtRun:
        return DbtRun([Node("model.m", "m", "model", "m", "error", "success")])


def build(settings: Settings) -> BuildResult:
    return run_build(settings, runner=NoModels())


def test_whatever_lands_is_work_once(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    assert build(settings).built, "the first build, of an empty lake"
    assert not build(settings).built
    land_day(settings, FIRST_DAY)
    assert build(settings).pending == 1
    assert not build(settings).built
    land_day(settings, FIRST_DAY, tag="more", extra=[REFUSED])
    assert build(settings).built
    assert not build(settings).built


def test_rows_of_a_foreign_table_are_work_without_any_event(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    land_day(settings, FIRST_DAY)
    assert build(settings).built
    orders, at = Table("rentals", "shop", "orders"), datetime(2026, 3, 5, tzinfo=UTC)
    land_rows(Lake.open(settings), orders, [TableRow("[1]", "01", '{"n": 1}')], at)
    assert build(settings).built
    assert not build(settings).built


def test_what_keeps_a_build_from_beginning_is_told_to_readers(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    land_day(settings, FIRST_DAY)
    [file] = [entry.path for entry in Lake.open(settings).entries("events")]
    (settings.lake / file).unlink()
    with pytest.raises(AlmanacError, match="the lake is damaged"):
        build(settings)
    status = read_status(settings)
    assert not status.succeeded
    assert "the lake is damaged" in status.reason
