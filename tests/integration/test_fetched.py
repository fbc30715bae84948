"""Databases and paged APIs as sources, through the real dlt: a real SQLite, a real PostgreSQL, a real HTTP API."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from almanac.errors import AlmanacError
from almanac.settings import ROOT
from almanac.state import open_state, suppress
from ingestion.lake import Lake
from ingestion.lake_tables import Table, reached
from ingestion.sources import fetching
from ingestion.sources.cli import COMMANDS
from tests import postgres
from tests.fetched_place import Place
from tests.paged_api import ITEMS, Api

ORDERS = {"key": ["id"], "cursor": "updated_at"}


class Database:
    """Orders in a real database."""

    def __init__(self, url: str, run: Callable[[str], Any], time: str) -> None:
        self.url, self.run = url, run
        run(f"create table orders (id integer primary key, amount numeric(12,2), note varchar(40), updated_at {time})")
        run("create table places (code varchar(8) primary key, name varchar(40))")

    def add(self, *ids: int, minute: int = 0, amount: str = "10.10") -> None:
        for n in ids:
            self.run(f"insert into orders values ({n}, {amount}, 'n', '2026-03-01 10:{minute + n:02d}:00')")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        path = tmp_path / "shop.db"

        def run(sql: str) -> None:
            with sqlite3.connect(path) as connection:
                connection.execute(sql)
            connection.close()

        yield Database(f"sqlite:///{path}", run, "timestamp")
    else:
        with postgres.database(request.getfixturevalue("postgres_dsn")) as dsn:
            url = dsn.replace("postgresql://", "postgresql+psycopg2://")
            yield Database(url, lambda sql: postgres.execute(dsn, sql), "timestamp with time zone")


def test_a_table_is_read_once_and_then_from_its_cursor_on(database: Database, tmp_path: Path) -> None:
    tables = {"orders": ORDERS, "places": {"key": ["code"]}}
    place = Place(tmp_path, database.url, kind="sql", tables=tables)
    database.add(1, 2, 3)
    database.run("insert into places values ('a', 'Ahlen')")
    assert place.fetch() == [(3, 3), (1, 1)]
    assert place.fetch(1) == [(1, 0), (1, 0)]  # what stands at the cursor is read again and known
    database.run("update orders set amount = 99.5, updated_at = '2026-03-01 11:00:00' where id = 2")
    database.add(4, minute=50)
    database.run("update places set name = 'Aalen' where code = 'a'")
    assert place.fetch(2) == [(3, 2), (1, 1)]
    assert place.fetch(2) == [(1, 0), (1, 0)]
    assert len(place.rows()) == 5
    assert {key: row["amount"] for key, row in place.current().items()} == {
        "[1]": "10.10",
        "[2]": "99.50",
        "[3]": "10.10",
        "[4]": "10.10",
    }
    assert place.current("places") == {'["a"]': {"code": "a", "name": "Aalen"}}
    # A value that comes back is a new version, because the current one is another.
    database.run("update places set name = 'Ahlen' where code = 'a'")
    assert place.fetch(3)[1] == (1, 1)
    assert place.current("places")['["a"]']["name"] == "Ahlen"
    paths = [entry.path for entry in place.lake.entries("tables")]
    assert all(
        path.startswith(("tables/shop/orders/received_date=2026-0", "tables/shop/places/received_date="))
        for path in paths
    )
    assert place.lake.verify() == []


def test_rows_of_a_late_transaction_lie_in_the_overlap(database: Database, tmp_path: Path) -> None:
    place = Place(tmp_path, database.url, kind="sql", tables={"orders": {**ORDERS, "overlap": 600}})
    database.add(5, 6)
    assert place.fetch() == [(2, 2)]
    database.add(4)  # committed later, with an earlier time
    assert place.fetch(1) == [(3, 1)]
    assert place.fetch(2) == [(3, 0)]


def test_a_run_that_breaks_off_goes_on_where_the_lake_ends(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "BATCH_ROWS", 2)
    place = Place(tmp_path, database.url, kind="sql", tables={"orders": ORDERS})
    database.add(*range(1, 8))
    land, calls = fetching.land_rows, 0

    def land_twice(*given: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError("the network is gone")
        return land(*given)

    monkeypatch.setattr(fetching, "land_rows", land_twice)
    with pytest.raises(AlmanacError, match="table orders: the network is gone; 4 rows landed before, run it again"):
        place.fetch()
    assert len(place.rows()) == 4
    assert place.fetch(1) == [(4, 3)]
    assert sorted(row["id"] for row in place.rows()) == list(range(1, 8))


def test_a_killed_run_repeated_brings_no_row_twice(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table orders (id integer primary key, updated_at integer)")
        connection.executemany("insert into orders values (?, ?)", [(n, n // 3) for n in range(3_000)])
    connection.close()
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables={"orders": ORDERS})
    code = "from ingestion.sources import fetching; fetching.BATCH_ROWS = 100; from almanac.cli import main; main()"
    env = {**os.environ, "ALMANAC_ROOT": str(place.root), "ALMANAC_HOME": str(place.settings.home)}
    env["ALMANAC_SOURCE_SHOP_URL"] = place.settings.source_url("shop") or ""
    process = subprocess.Popen([sys.executable, "-c", code, "ingest", "--source", "shop"], cwd=ROOT, env=env)
    table = Table("rentals", "shop", "orders")
    while process.poll() is None and len(table.entries(Lake.open(place.settings))) < 3:
        threading.Event().wait(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 100 <= len(place.rows()) < 3_000
    place.fetch()
    assert sorted(row["id"] for row in place.rows()) == list(range(3_000))
    assert reached(place.lake, table) == f"{999:020d}"


def test_people_who_are_suppressed_never_reach_the_lake_and_cards_neither(tmp_path: Path) -> None:
    """Dropped rows are received and suppressed, once on each day on which the database still gives them."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table people (id integer primary key, user_id text, note text)")
        told = [
            (1, "ada-7", "left handed"),
            (2, "bob", "pays with 4111 1111 1111 1111"),
            (3, "eve", "eve@mail.example"),
        ]
        connection.executemany("insert into people values (?, ?, ?)", told)
    connection.close()
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables={"people": {"key": ["id"]}})
    state = open_state(place.settings)
    suppress(state, "rentals", "user", "ada-7")
    state.close()
    assert place.fetch() == [(3, 2)]
    assert {row["note"] for row in place.rows("people")} == {"pays with [card]", "[email]"}
    assert not any(b"ada-7" in path.read_bytes() for path in place.settings.home.rglob("*.*") if path.is_file())
    assert place.fetch() == [(3, 0)], "what is stored is known again although it was masked"
    counts = "received", "suppressed", "erased"
    counters = [row for entry in place.lake.entries("counters") for row in place.lake.read(entry).to_pylist()]
    assert [(row["source"], *(row[name] for name in counts)) for row in counters] == [("shop", 1, 1, 0)]
    place.fetch(1)
    assert len(place.lake.entries("counters")) == 2
    assert place.lake.verify() == []


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.stop()


def test_a_paged_api_is_read_page_by_page_and_then_from_its_cursor_on(api: Api, tmp_path: Path) -> None:
    place = Place(tmp_path, api.url, kind="http", tables={"items": ITEMS})
    place.settings = replace(place.settings, sources=(*place.settings.sources, ("ALMANAC_SOURCE_SHOP_TOKEN", "t0k3n")))
    api.items = [{"id": n, "at": f"2026-03-0{n}T10:00:00Z", "deep": {"a": [n]}} for n in range(1, 6)]
    api.failures = 1  # dlt asks again
    assert place.fetch() == [(5, 5)]
    assert [one.get("page") for one in api.asked[1:]] == [["1"], ["2"], ["3"]]
    assert {one["authorization"][0] for one in api.asked} == {"Bearer t0k3n"}
    api.items.append({"id": 2, "at": "2026-03-07T10:00:00Z", "deep": {"a": []}})
    api.asked.clear()
    assert place.fetch(1) == [(2, 1)]
    assert api.asked[0]["since"] == ["2026-03-05T10:00:00Z"]
    assert place.fetch(2) == [(1, 0)]
    assert place.current("items")["[2]"]["deep"] == {"a": []}


def test_a_source_that_is_down_brings_nothing_and_once_it_is_back_what_it_would_have_brought(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")  # dlt would wait and ask again for half a minute
    disturbed, other = (Place(tmp_path / name, api.url, kind="http", tables={"items": ITEMS}) for name in "ab")
    api.items = [{"id": n, "at": f"2026-03-0{n}T10:00:00Z"} for n in range(1, 4)]
    for place in (disturbed, other):
        place.fetch()
    port = api.stop()
    with pytest.raises(AlmanacError, match="source shop, table items: "):
        disturbed.fetch(1)
    assert disturbed.rows("items") == other.rows("items")
    assert disturbed.lake.verify() == []
    api.items.append({"id": 2, "at": "2026-03-07T10:00:00Z"})
    api.start(port)
    for place in (disturbed, other):
        assert place.fetch(2) == [(2, 1)]
    assert disturbed.rows("items") == other.rows("items")
    assert disturbed.current("items") == other.current("items")


def test_what_cannot_be_read_is_said_and_nothing_secret_with_it(api: Api, database: Database, tmp_path: Path) -> None:
    api.items = [{"at": "2026-03-01T10:00:00Z"}]
    with pytest.raises(AlmanacError, match="source shop, table items: a row has no id, which is its key"):
        Place(tmp_path / "1", api.url, kind="http", tables={"items": ITEMS}).fetch()
    with pytest.raises(AlmanacError, match="source shop, table nothing: ") as raised:
        Place(tmp_path / "2", database.url, kind="sql", tables={"nothing": ORDERS}).fetch()
    assert database.url not in str(raised.value)
    with pytest.raises(AlmanacError, match="table orders has no column changed_at"):
        Place(tmp_path / "3", database.url, kind="sql", tables={"orders": {**ORDERS, "cursor": "changed_at"}}).fetch()
    place = Place(tmp_path / "4", "", kind="sql", tables={"orders": ORDERS})
    place.settings = replace(place.settings, sources=())
    with pytest.raises(AlmanacError, match="set ALMANAC_SOURCE_SHOP_URL to its address"):
        place.fetch()


def test_without_dlt_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlt", None)
    with pytest.raises(AlmanacError, match="need the extra `sources`"):
        Place(tmp_path, "sqlite://", kind="sql", tables={"orders": ORDERS}).fetch()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "ftp", "tables": {"orders": ORDERS}}, "kind"),
        ({"kind": "sql"}, "kind sql has `tables:`"),
        ({"kind": "outbox"}, "kind outbox has `outbox:`"),
        ({"kind": "sql", "tables": {"orders": {"key": []}}}, "tables.orders.key"),
        ({"kind": "sql", "tables": {"Or ders": ORDERS}}, "say the real name as its path"),
        ({"kind": "sql", "tables": {"orders": ORDERS}, "tenant": "nobody"}, "tenant: 'nobody'"),
    ],
)
def test_a_wrong_description_is_named(tmp_path: Path, source: dict[str, Any], words: str) -> None:
    with pytest.raises(AlmanacError, match=r"ingestion/sources/fetched/shop\.yml") as raised:
        Place(tmp_path, "sqlite://", **source).fetch()
    assert words in str(raised.value)


# --- outbox -----------------------------------------------------------------------------------------------------------


def booking(n: int, **changes: Any) -> str:
    properties = {"booking_id": f"B{n}", "amount": "100.25", "commission": "15.04", **changes}
    return json.dumps({"event": "booking_confirmed", "userId": f"u{n}", "properties": properties})


@pytest.fixture
def outbox(database: Database, tmp_path: Path) -> tuple[Place, Callable[..., None]]:
    time = "timestamp" if "sqlite" in database.url else "timestamp with time zone"
    database.run(f"create table outbox (id integer primary key, payload text, created_at {time})")

    def add(*ids: int, payload: str | None = None, minute: int = 0) -> None:
        for n in ids:
            at = f"2026-03-30 10:{minute + n:02d}:00" + ("" if "sqlite" in database.url else "+00")
            database.run(f"insert into outbox values ({n}, '{booking(n) if payload is None else payload}', '{at}')")

    return Place(tmp_path, database.url, kind="outbox", outbox={"table": "outbox"}), add


def events(place: Place) -> list[dict[str, Any]]:
    return [row for entry in place.lake.entries("events") for row in place.lake.read(entry).to_pylist()]


def test_an_outbox_becomes_events_in_order_once(outbox: tuple[Place, Callable[..., None]]) -> None:
    place, add = outbox
    add(3, 1, 2)
    add(4, payload="{not json")
    add(5, payload=booking(5, amount=None))
    assert place.take() == (5, 3, 2)
    rows = sorted(events(place), key=lambda row: row["ingest_row"])
    assert [row["booking_id"] for row in rows] == ["B1", "B2", "B3"]
    assert [str(row["commission"]) for row in rows] == ["15.0400"] * 3
    assert [row["event_at"] for row in rows] == [datetime(2026, 3, 30, 10, n) for n in (1, 2, 3)]
    assert place.take(1) == (0, 0, 0)
    add(7)
    assert place.take(1) == (1, 1, 0)
    add(6)  # its transaction ended later than that of the next one
    assert place.take(1) == (1, 1, 0)
    assert place.take(2) == (0, 0, 0)
    received = [row["received"] for e in place.lake.entries("counters") for row in place.lake.read(e).to_pylist()]
    assert sum(received) == 7


def test_an_outbox_that_dies_before_it_is_marked_lands_copies_with_the_same_ids(
    outbox: tuple[Place, Callable[..., None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, add = outbox
    add(1, 2)
    with monkeypatch.context() as patched:
        patched.setattr("ingestion.sources.outbox.land_rows", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            place.take()
    assert len(events(place)) == 2
    add(3)
    assert place.take(1) == (3, 3, 0)
    assert len(events(place)) == 5
    assert len({row["message_id"] for row in events(place)}) == 3
    assert place.take(2) == (0, 0, 0)


def test_the_command_brings_a_source_up_to_date(
    outbox: tuple[Place, Callable[..., None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, add = outbox
    add(1)
    for name, value in {
        "ALMANAC_ROOT": str(place.root),
        "ALMANAC_HOME": str(place.settings.home),
        "ALMANAC_SOURCE_SHOP_URL": place.settings.source_url("shop") or "",
    }.items():
        monkeypatch.setenv(name, value)
    add(2)
    state = open_state(place.settings)
    suppress(state, "rentals", "user", "u2")
    state.close()
    said = [CliRunner().invoke(COMMANDS["ingest"], ["--source", "shop"]).output for _ in range(2)]
    assert said == [
        "shop: 2 events received (1 accepted, 0 quarantined, 1 suppressed)\n",
        "shop: 0 events received (0 accepted, 0 quarantined)\n",
    ]
