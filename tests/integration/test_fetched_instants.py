"""An API's times are compared as the instants that they are: in the lake, in the next run and in the warehouse."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import ROOT
from ingestion.lake_tables import Table, TableRow, land_rows, reached
from tests.fetched_place import NOW, Place
from tests.paged_api import ITEMS, Api

HOUR = 1 / 24
TABLE = Table("rentals", "shop", "items")


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.stop()


@pytest.fixture
def place(api: Api, tmp_path: Path) -> Place:
    """Reads everything each time: what is asked for is of no matter here."""
    return Place(tmp_path, api.url, kind="http", tables={"items": {**ITEMS, "cursor_param": None}})


def in_the_warehouse(place: Place) -> dict[str, Any]:
    result = run_build(replace(place.settings, root=ROOT), runner=WarmDbt(for_models=["int_tables__current"]))
    assert result.succeeded, (result.error, [(n.name, n.message) for n in result.failed])
    with duckdb.connect(str(place.settings.warehouse), read_only=True) as con:
        rows = con.execute("select row_key, data from intermediate.int_tables__current").fetchall()
    return {key: json.loads(data) for key, data in rows}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.500Z"),
        ("2026-03-01T02:50:00+02:00", "2026-03-01T02:10:00+01:00"),
    ],
)
@pytest.mark.parametrize("as_before", [False, True])
def test_the_later_instant_wins_also_over_what_landed_as_it_came(
    api: Api, place: Place, before: str, after: str, as_before: bool
) -> None:
    old, new = {"id": 1, "at": before, "v": "old"}, {"id": 1, "at": after, "v": "new"}
    api.items = [old]
    if as_before:
        land_rows(
            place.lake, TABLE, [TableRow("[1]", before, json.dumps(old, separators=(",", ":"), sort_keys=True))], NOW
        )
        assert place.fetch(HOUR) == [(1, 0)], "it is known whichever way its cursor is kept"
    else:
        assert place.fetch() == [(1, 1)]
    api.items = [new]
    assert [place.fetch(n * HOUR) for n in (2, 3)] == [[(1, 1)], [(1, 0)]]
    assert place.current("items")["[1]"]["v"] == in_the_warehouse(place)["[1]"]["v"] == "new"
    assert place.lake.compact(NOW.date() + timedelta(days=9), keep=timedelta(0)).replaced == 2
    assert place.fetch(4 * HOUR) == [(1, 0)]


def test_a_late_copy_of_an_earlier_instant_does_not_win(api: Api, place: Place) -> None:
    api.items = [{"id": 1, "at": "2026-03-01T02:10:00+01:00", "v": "new"}]
    place.fetch()
    api.items = [{"id": 1, "at": "2026-03-01T02:50:00+02:00", "v": "old"}]
    place.fetch(HOUR)
    assert place.current("items")["[1]"]["v"] == "new"
    assert reached(place.lake, TABLE) == "2026-03-01T01:10:00.000000Z"


def test_an_overlap_and_the_question_are_instants_too(api: Api, tmp_path: Path) -> None:
    place = Place(tmp_path, api.url, kind="http", tables={"items": {**ITEMS, "overlap": 60}})
    api.items = [{"id": 1, "at": "2026-03-01T12:00:00+02:00"}]
    place.fetch()
    api.asked.clear()
    place.fetch(HOUR)
    assert api.asked[0]["since"] == ["2026-03-01T09:59:00Z"]
