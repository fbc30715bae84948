"""A version that begins as a copy of the version before is the one that would have been written afresh."""

import shutil
from pathlib import Path

import duckdb
import pytest

from almanac import publication_file
from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from almanac.settings import Settings
from almanac.versions import Version, current
from ingestion.lake import Lake
from tests.small_home import publish_and_move_on
from tests.small_lake import PASSED
from tests.small_project import small_settings

pytestmark = pytest.mark.xdist_group("publication_copy")

Tables = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    """dbt, parsed once."""
    return WarmDbt(data_tests=False)


@pytest.fixture(scope="module")
def built(dbt: WarmDbt, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with a published version, and a build of later landings that is not published yet."""
    settings = small_settings(tmp_path_factory.mktemp("copy"))
    publish_and_move_on(settings, dbt)
    assert run_build(settings, runner=dbt).succeeded
    return settings


@pytest.fixture
def began_with(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the versions whose files publications began with."""
    found = []

    def copy(source: Path, target: Path) -> None:
        found.append(source.stem)
        shutil.copyfile(source, target)

    monkeypatch.setattr(publication_file, "copy_file", copy)
    return found


def test_it_holds_the_same_rows_and_says_the_same_of_them(
    built: Settings, tmp_path: Path, began_with: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = current(built)
    assert before
    copied = publish(own(built, tmp_path / "copied"), PASSED).version
    assert began_with == [before.id]
    monkeypatch.setattr(publication_file, "has_many_holes", lambda path: True)
    afresh = publish(own(built, tmp_path / "afresh"), PASSED).version
    assert began_with == [before.id]
    assert copied.id == afresh.id != before.id
    assert tables(copied) == tables(afresh) != tables(before)
    assert comments(copied) == comments(afresh)


def test_a_version_of_which_rows_have_left_the_lake_is_not_copied(
    built: Settings, tmp_path: Path, began_with: list[str], dbt: WarmDbt
) -> None:
    settings = own(built, tmp_path / "home")
    lake = Lake.open(settings)
    for entry in lake.entries("events"):
        lake.rewrite(entry.path, "anonymous_id = 'visitor-2'")
    assert run_build(settings, runner=dbt).succeeded
    assert publish(settings, PASSED).is_new
    assert began_with == []


def test_a_version_that_cannot_be_read_keeps_nobody_from_publishing(built: Settings, tmp_path: Path) -> None:
    settings = own(built, tmp_path / "home")
    before = current(settings)
    assert before
    expected = tables(publish(own(built, tmp_path / "undisturbed"), PASSED).version)
    damage(before, "fact_events")
    assert tables(publish(settings, PASSED).version) == expected


def own(built: Settings, home: Path) -> Settings:
    """A copy of the home."""
    shutil.copytree(built.home, home)
    return small_settings(home)


def tables(version: Version) -> Tables:
    """Every row of every table, in one order, without the time of the publication."""
    with duckdb.connect(str(version.path), read_only=True) as con:
        names = [name for (name,) in con.execute("select table_name from duckdb_tables() order by 1").fetchall()]
        timed = {"publication", "kpi_history"}
        columns = {name: "* exclude (published_at)" if name in timed else "*" for name in names}
        return {name: con.execute(f'select {columns[name]} from "{name}" order by all').fetchall() for name in names}


def comments(version: Version) -> Tables:
    """What is said of each table and column."""
    query = "select {} as said_of, comment from duckdb_{}() order by all"
    with duckdb.connect(str(version.path), read_only=True) as con:
        return {
            "tables": con.execute(query.format("table_name", "tables")).fetchall(),
            "columns": con.execute(query.format("(table_name, column_name)", "columns")).fetchall(),
        }


def damage(version: Version, table: str) -> None:
    """Overwrite where the file holds the rows of a table, as a failing disk does."""
    with duckdb.connect(str(version.path), read_only=True) as con:
        query = f"select block_id from pragma_storage_info('{table}') where persistent and block_id >= 0 limit 1"
        block = con.execute(query).fetchall()[0][0]
        size = con.execute("select block_size from pragma_database_size()").fetchall()[0][0]
    headers = 3 * 4096
    with version.path.open("r+b") as file:
        file.seek(headers + block * size)
        file.write(b"\xff" * size)
