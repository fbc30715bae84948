"""What is work for a build: whatever landed or changed, and nothing else."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.build import BuildResult, run_build
from almanac.dbt_worker import DbtRun, Node
from almanac.errors import AlmanacError
from almanac.settings import ROOT, Settings
from almanac.versions import read_status
from ingestion.lake import Lake
from ingestion.lake_tables import Table, TableRow, current_rows, land_rows, landed_digests, reached
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


def test_a_wrong_definition_is_said_before_anything_is_built(tmp_path: Path) -> None:
    """By file and field: dbt would say little of it, and a publication only after all models were built."""
    for folder in ("dbt_project", "ingestion/tracking_plan"):
        shutil.copytree(ROOT / folder, tmp_path / "root" / folder)
    shutil.copy(ROOT / "dbt_project.yml", tmp_path / "root")
    settings = Settings.for_home(tmp_path / "home", tmp_path / "root")
    assert build(settings).built
    wrong = settings.root / "dbt_project" / "models" / "kpis" / "growth" / "visits.yml"
    wrong.write_text(
        "metrics:\n- {name: visits, label: Visits, type: derived, expr: session_count}\n", encoding="utf-8"
    )
    with pytest.raises(AlmanacError, match=r"visits\.yml: no metric here has config\.meta\.kpi"):
        build(settings)
    assert "the build did not begin" in read_status(settings).reason
    wrong.unlink()
    assert not build(settings).built, "nothing was forgotten"


def test_rows_of_a_foreign_table_are_work_without_any_event(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    land_day(settings, FIRST_DAY)
    assert build(settings).built
    orders, at = Table("rentals", "shop", "orders"), datetime(2026, 3, 5, tzinfo=UTC)
    land_rows(Lake.open(settings), orders, [TableRow("[1]", "01", '{"n": 1}')], at)
    assert build(settings).built
    assert not build(settings).built


def test_compacting_the_files_of_a_foreign_table_changes_no_row_and_is_no_work(tmp_path: Path) -> None:
    """Nor how far the table has been read, nor what is known to have landed; another tenant's rows stay apart."""
    settings = Settings.for_home(tmp_path)
    lake = Lake.open(settings)
    tables = [
        Table("rentals", "shop", "orders"),
        Table("rentals", "shop", "places"),
        Table("advisory", "shop", "orders"),
    ]
    for table in tables:
        for n in range(4):
            at = datetime(2026, 3, 5 + n // 3, n, tzinfo=UTC)
            rows = [TableRow(f"[{n % 2}]", f"{n:02}", f'{{"n": {n}}}'), TableRow("[9]", None, f'{{"n": {n}}}')]
            land_rows(lake, table, rows, at)
    assert build(settings).built

    def told() -> list[object]:
        """All rows of each table, their current ones, and how far it was read."""
        found: list[object] = []
        for table in tables:
            entries = table.entries(lake)
            rows = [repr(sorted(row.items())) for entry in entries for row in lake.read(entry).to_pylist()]
            found += [sorted(rows), sorted(current_rows(lake, entries)), reached(lake, table)]
            found.append(landed_digests(lake, table, "02"))
        return found

    before = told()
    assert lake.compact(keep=timedelta(0)).replaced == 9, "the three files of each table's first day"
    assert [len(table.entries(lake)) for table in tables] == [2, 2, 2]
    assert told() == before
    assert lake.verify() == []
    assert not build(settings).built


def test_a_build_looks_at_the_lake_when_there_is_something_to_build(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    land_day(settings, FIRST_DAY)
    assert build(settings).built
    [file] = [entry.path for entry in Lake.open(settings).entries("events")]
    (settings.lake / file).unlink()
    assert not build(settings).built, "nothing is new, so nobody looks"
    land_day(settings, FIRST_DAY + timedelta(days=1))
    with pytest.raises(AlmanacError, match="the lake is damaged"):
        build(settings)


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
