"""Rows that change while their cursor stays: the current row is what the source has, and a rerun lands nothing."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.lake_tables import Table, TableRow, current_rows
from ingestion.privacy.suppression import Suppression
from ingestion.sources import fetching
from ingestion.sources.fetched_privacy import Screen
from ingestion.sources.fetched_rows import table_row
from ingestion.sources.fetched_source import FetchedSource, FetchedTable
from ingestion.tracking_plan import load_plan
from tests.fetched_place import Place

PLAN = load_plan()
DESCRIBED = FetchedTable(key=("id",), cursor="at")
SOURCE = FetchedSource(source="shop", tenant="rentals", kind="sql", tables={"orders": DESCRIBED})
NOW = datetime(2026, 3, 31, tzinfo=UTC)
HOUR = 1 / 24


class Shop:
    """A source whose rows are set by hand, and the lake into which they are fetched."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lake = Lake.open(Settings.for_home(folder))
        self.rows: list[dict[str, Any]] = []
        self._screen = Screen(PLAN, "rentals", DESCRIBED, Suppression())
        self._runs = 0
        monkeypatch.setattr(fetching, "fetch", self._fetch)

    def _fetch(self, source: Any, name: str, since: str | None, *_: Any) -> Iterator[TableRow]:
        made = (table_row("shop", "orders", DESCRIBED, row) for row in sorted(self.rows, key=lambda row: row["at"]))
        return (row for row in made if since is None or (row.cursor or "") >= since)

    def fetch(self) -> int:
        """How many rows landed by one run, a second after the one before."""
        self._runs += 1
        now = NOW + timedelta(seconds=self._runs)
        return fetching.fetch_table(SOURCE, "orders", self.lake, "sqlite://", None, now, self._screen).landed

    def current(self) -> set[tuple[str, str]]:
        files = Table("rentals", "shop", "orders").entries(self.lake)
        return {(key, data) for key, _, data in current_rows(self.lake, files)}


changes = st.lists(
    st.tuples(st.integers(1, 2), st.sampled_from("AB"), st.sampled_from([0, 0, 0, 1])), min_size=6, max_size=10
)


@pytest.mark.parametrize("examples", [8, pytest.param(100, marks=pytest.mark.deep)])  # each is a lake of its own
def test_the_current_rows_are_those_of_the_source_after_every_run(
    tmp_path_factory: pytest.TempPathFactory, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(changes)
    def follows(given_: list[tuple[int, str, int]]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            shop, table, at = Shop(tmp_path_factory.mktemp("shop"), patch), {}, 0
            for key, name, further in given_:
                at += further
                table[key] = {"id": key, "at": at, "name": name}
                shop.rows = list(table.values())
                shop.fetch()
                assert shop.fetch() == 0
                assert shop.current() == {
                    (f"[{row['id']}]", table_row("shop", "orders", DESCRIBED, row).data) for row in shop.rows
                }

    follows()


def test_rows_of_one_key_and_cursor_that_a_source_gives_together_land_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path, monkeypatch)
    shop.rows = [{"id": 1, "at": 7, "name": name} for name in "ABB"]
    assert [shop.fetch() for _ in range(3)] == [2, 0, 0]
    shop.rows.append({"id": 1, "at": 7, "name": "C"})
    assert [shop.fetch() for _ in range(3)] == [1, 0, 0]
    shop.rows = [{"id": 1, "at": 7, "name": "A"}] * 2
    assert [shop.fetch() for _ in range(3)] == [1, 0, 0]


def test_such_rows_that_are_read_apart_do_not_land_in_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "BATCH_ROWS", 1)
    shop = Shop(tmp_path, monkeypatch)
    shop.rows = [{"id": 1, "at": 7, "name": name} for name in "AB"]
    assert [shop.fetch() for _ in range(5)] == [2, 1, 0, 0, 0]


def test_a_database_gives_a_value_that_comes_back_under_its_cursor(tmp_path: Path) -> None:
    place = Place(
        tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables={"places": {"key": ["code"], "cursor": "at"}}
    )
    for hour, name in enumerate(("open", "closed", "open", "closed")):
        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.execute("create table if not exists places (code text primary key, name text, at integer)")
            connection.execute("insert or replace into places values ('p1', ?, 7)", [name])
        connection.close()
        assert [place.fetch((2 * hour + again) * HOUR)[0][1] for again in (0, 1)] == [1, 0], name
        place.lake.compact(keep=timedelta(0))
    assert len(place.rows("places")) == 4
