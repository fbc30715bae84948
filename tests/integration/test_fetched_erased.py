"""Erasing a person reaches the rows that were fetched about them: every version, on the disk and in the warehouse."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.errors import AlmanacError
from almanac.settings import ROOT
from ingestion.lake import Lake
from ingestion.lake_manifest import Entry
from ingestion.lake_rewrite import Drop
from ingestion.lake_tables import Table, reached
from ingestion.privacy.cli import COMMANDS
from ingestion.sources.fetched_privacy import USUAL_PEOPLE, people_columns
from ingestion.sources.fetched_source import FOLDER
from tests.fetched_place import NOW, Place

PEOPLE = {"key": ["id"], "cursor": "changed", "people": ["login"]}
ADA = ("person", "--tenant", "rentals", "--user-id", "ada-7")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Two people and what they wrote; ada changed her name since she was first fetched, and bob names her."""
    _run(tmp_path, "create table people (id integer primary key, login text, friend text, changed integer)")
    _run(tmp_path, "insert into people values (1, 'ada-7', null, 1), (2, 'bob', 'ada-7', 2), (3, 'eve', null, 3)")
    _run(tmp_path, "create table notes (id integer primary key, user_id text, note text)")
    _run(tmp_path, "insert into notes values (1, 'ada-7', 'hers'), (2, 'bob', 'his')")
    tables = {"people": PEOPLE, "notes": {"key": ["id"]}}
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables=tables)
    assert place.fetch() == [(2, 2), (3, 3)]
    _run(tmp_path, "update people set login = 'lovelace', changed = 4 where id = 1")
    assert place.fetch() == [(2, 0), (2, 1)]
    return place


def _run(folder: Path, sql: str) -> None:
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute(sql)
    connection.close()


def _told(place: Place, *arguments: str) -> str:
    env = {"ALMANAC_HOME": str(place.settings.home), "ALMANAC_ROOT": str(place.root)}
    done = CliRunner().invoke(COMMANDS["erase"], arguments, env=env, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def _built(place: Place) -> set[tuple[str, str]]:
    result = run_build(replace(place.settings, root=ROOT), runner=WarmDbt(for_models=["int_tables__current"]))
    assert result.succeeded, (result.error, [(n.name, n.message) for n in result.failed])
    with duckdb.connect(str(place.settings.warehouse), read_only=True) as con:
        return set(con.execute("select table_name, row_key from intermediate.int_tables__current").fetchall())


@pytest.mark.parametrize("is_compacted", [False, True])
def test_every_version_of_a_row_goes_whichever_names_the_person(place: Place, is_compacted: bool) -> None:
    table = Table("rentals", "shop", "people")
    if is_compacted:
        assert place.lake.compact((NOW + timedelta(days=9)).date(), keep=timedelta(0)).written
    everything = _built(place)
    before = reached(place.lake, table)
    said = _told(place, *ADA, "--dry-run").splitlines()
    files = "2" if is_compacted else "3"
    assert [line.split()[:2] for line in said[2:5]] == [["fetched", "1"], ["fetched", "2"], ["files", files]]
    assert said[5].startswith("not erased         1 rows of the fetched table shop/people")
    assert "erased 0 events and 0 rejected ones and 3 fetched rows of rentals" in _told(place, *ADA, "--yes")

    assert {row["login"] for row in place.rows("people")} == {"bob", "eve"}
    assert [row["user_id"] for row in place.rows("notes")] == ["bob"]
    assert place.lake.verify() == []
    assert not any(b"lovelace" in path.read_bytes() for path in place.settings.lake.rglob("*.parquet"))
    assert reached(place.lake, table) == before, "or the whole table would be asked for again"
    assert _built(place) == everything - {("people", "[1]"), ("notes", "[1]")}
    assert "erased 0 events and 0 rejected ones of rentals" in _told(place, *ADA, "--yes")
    assert [line.split()[-4:] for line in _told(place, "list").splitlines()[2:]] == [
        ["0", "0", "3", files],
        ["0"] * 4,
    ]


@pytest.mark.parametrize("rewrites", [1, 2, 3])
def test_what_was_interrupted_still_finds_every_version(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rewrites: int
) -> None:
    """Of ada the first version names her, of eve the last one: whichever file goes first, the other is still found."""
    _run(tmp_path, "update people set login = 'byron', changed = 6 where id = 1")
    _run(tmp_path, "update people set login = 'ada-7', changed = 5 where id = 3")
    place.fetch()
    real, done = Lake.rewrite, []

    def dies(lake: Lake, path: str, drop: Drop) -> Entry:
        if len(done) == rewrites:
            raise AlmanacError("no space left")
        done.append(path)
        return real(lake, path, drop)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "rewrite", dies)
        with pytest.raises(AlmanacError, match="almanac erase resume"):
            _told(place, *ADA, "--yes")
    assert "nothing is left" in _told(place, "resume")
    assert [row["login"] for row in place.rows("people")] == ["bob"]


def test_a_description_says_who_a_row_is_about(place: Place) -> None:
    columns = people_columns(place.root, place.lake.plan)
    assert columns("shop", "people") == ("login",)
    assert columns("shop", "notes") == columns("elsewhere", "people") == USUAL_PEOPLE
    (place.root / FOLDER / "shop.yml").write_text("source: shop\n")
    with pytest.raises(AlmanacError, match=r"shop.yml"):
        people_columns(place.root, place.lake.plan)
