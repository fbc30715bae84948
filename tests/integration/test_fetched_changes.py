"""Rows that come back to what they were: every change lands, and a run without one lands nothing."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from ingestion.lake_tables import Table, current_rows, state_of
from tests.fetched_place import Place

HOUR = 1 / 24


def shop(folder: Path) -> Callable[..., None]:
    """Runs SQL in the shop's database."""

    def run(sql: str, *values: Any) -> None:
        with sqlite3.connect(folder / "shop.db") as connection:
            connection.execute(sql, values)
        connection.close()

    run("create table places (code text primary key, name text, at integer)")
    run("insert into places values ('p1', 'open', null), ('p2', 'open', 7)")
    return run


@pytest.mark.parametrize("description", [{"key": ["code"]}, {"key": ["code"], "cursor": "at"}])
def test_a_value_that_comes_back_on_one_day_lands_each_time(tmp_path: Path, description: dict[str, Any]) -> None:
    """Also of a row without a cursor in a table that has one."""
    run, hours = shop(tmp_path), count()
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables={"places": description})
    assert [landed for _, landed in place.fetch()] == [2]
    for name in ("closed", "open", "closed", "open", "closed"):
        run("update places set name = ? where code = 'p1'", name)
        landed = [place.fetch(next(hours) * HOUR / 8)[0][1] for _ in range(3)]
        assert landed == [1, 0, 0], name
        assert place.current("places")['["p1"]']["name"] == name
    assert len(place.rows("places")) == 7
    assert place.lake.verify() == []


def test_what_was_compacted_or_had_a_cursor_before_is_no_reason_to_land_again(tmp_path: Path) -> None:
    run = shop(tmp_path)
    tables = {"places": {"key": ["code"], "cursor": "at"}}
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables=tables)
    place.fetch()
    run("update places set at = null where code = 'p2'")
    assert [place.fetch(n * HOUR)[0][1] for n in (1, 2)] == [1, 0]
    table = Table("rentals", "shop", "places")
    before = state_of(place.lake, table)
    assert place.lake.compact(keep=timedelta(0)).replaced == 2
    assert state_of(place.lake, table) == before
    assert place.fetch(3 * HOUR)[0][1] == 0


def test_a_run_that_dies_once_its_rows_have_landed_does_not_land_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shop(tmp_path)
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables={"places": {"key": ["code"]}})
    for minutes, name in enumerate(("open", "closed", "open")):
        run("update places set name = ? where code = 'p1'", name)
        place.fetch(minutes / 60 * HOUR)
    real = Lake.append_table

    def dies(*given: Any) -> bool:
        real(*given)
        raise KeyboardInterrupt

    run("update places set name = 'closed' where code = 'p1'")
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append_table", dies)
        with pytest.raises(KeyboardInterrupt):
            place.fetch(HOUR)
    assert place.fetch(2 * HOUR) == [(2, 0)]
    assert len(place.rows("places")) == 5


def test_two_runs_at_once_land_a_change_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = shop(tmp_path)
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables={"places": {"key": ["code"]}})
    place.fetch()
    run("update places set name = 'closed' where code = 'p1'")
    real, runs = current_rows, []

    def meanwhile(*given: Any) -> Any:
        """Another run does all of its work after this one has looked at what has landed."""
        found = list(real(*given))
        runs.append(1)
        if len(runs) == 1:
            assert place.fetch(HOUR) == [(2, 1)]
        return found

    monkeypatch.setattr("ingestion.lake_tables.current_rows", meanwhile)
    assert place.fetch(HOUR) == [(2, 0)]
    assert len(place.rows("places")) == 3
