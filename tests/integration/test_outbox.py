"""An outbox beside the straight way: what its events may hold, and rows and databases that cannot be read."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almanac.errors import AlmanacError
from tests.fetched_place import Place

KEY = "alm_rJgG4msb2BEz1aq-uZQbhqeN6F1vKLegmxSGk5IujWY"
SECRETS = {"password": "hunter2", "access_token": "t0k3n", "client_ip": "203.0.113.77"}
AT = "2026-03-30 10:00:00"
Add = Callable[..., None]


def booking(event: str = "booking_confirmed", **changes: Any) -> str:
    return json.dumps({"event": event, "userId": "u", "properties": {"booking_id": "B", "amount": 5.25, **changes}})


@pytest.fixture
def outbox(tmp_path: Path) -> tuple[Place, Add]:
    """A place with an outbox, and what adds a row to it."""
    return of_type(tmp_path, "timestamp")


def of_type(tmp_path: Path, kind: str) -> tuple[Place, Add]:
    """The same with times in a column of a type."""

    def run(sql: str, *values: Any) -> None:
        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.execute(sql, values)
        connection.close()

    def add(n: int, payload: Any, at: Any = AT) -> None:
        run("insert into outbox values (?, ?, ?)", n, payload, at)

    run(f"create table outbox (id integer primary key, payload text, created_at {kind})")
    return Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="outbox", outbox={"table": "outbox"}), add


def stored(place: Place, kind: Any) -> list[dict[str, Any]]:
    return [row for entry in place.lake.entries(kind) for row in place.lake.read(entry).to_pylist()]


def test_secrets_and_whole_addresses_reach_neither_events_nor_quarantine(outbox: tuple[Place, Add]) -> None:
    place, add = outbox
    message = {**json.loads(booking(**SECRETS)), "writeKey": KEY}
    message["context"] = {"ip": "203.0.113.77", "headers": {"cookie": "sid=1"}, "page": {"title": KEY}}
    add(1, json.dumps(message))
    add(2, json.dumps({**message, "event": "no_such_event"}))
    add(3, json.dumps(message)[:-1])
    add(4, json.dumps([message]))
    assert place.take() == (4, 1, 3)
    (event,) = stored(place, "events")
    assert json.loads(event["properties"])["client_ip"] == "203.0.113.0"
    assert json.loads(event["context"]) == {"ip": "203.0.113.0", "headers": {}, "page": {"title": "[removed]"}}
    texts = repr(stored(place, "events") + stored(place, "quarantine"))
    assert not [secret for secret in (*SECRETS.values(), KEY, "sid=1") if secret in texts]


def test_the_limits_of_the_door_hold(outbox: tuple[Place, Add]) -> None:
    place, add = outbox
    add(1, booking(note="y" * 40_000))
    add(2, booking(**{f"p{n}": n for n in range(1_001)}))
    add(3, booking(note=json.loads("[" * 40 + "]" * 40)))
    add(4, booking(amount=float("nan")))
    add(5, None)
    assert place.take() == (5, 0, 5)
    assert sorted((row["code"], row["message"].split(":")[0]) for row in stored(place, "quarantine")) == [
        ("event_too_large", "outbox row 1"),
        ("invalid_json_number", "outbox row 4"),
        ("not_an_object", "outbox row 5"),
        ("too_deep", "outbox row 3"),
        ("too_many_properties", "outbox row 2"),
    ]


def test_a_name_that_stands_twice_is_warned_of(outbox: tuple[Place, Add]) -> None:
    place, add = outbox
    add(1, booking().replace('"amount": 5.25', '"amount": 1, "amount": 2'))
    assert place.take() == (1, 1, 0)
    (event,) = stored(place, "events")
    assert event["amount"] == 2
    assert "duplicate_key" in json.loads(event["warnings"])


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_a_message_leaves_empty_comes_from_its_row(outbox: tuple[Place, Add], nothing: str | None) -> None:
    place, add = outbox
    empty = {"type": nothing, "messageId": nothing, "timestamp": nothing}
    add(1, json.dumps({**json.loads(booking()), **empty}))
    add(2, booking())
    assert place.take() == (2, 2, 0)
    given, absent = stored(place, "events")
    assert str(given["event_at"]) == str(absent["event_at"]) == AT
    # The message's id must be the row's: it may land twice.
    assert "generated:messageId" not in (given["warnings"] or "")


def said(place: Place, days: int = 0) -> str:
    with pytest.raises(AlmanacError) as raised:
        place.take(days)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (None, "null"),
        ("soon", "'soon'"),
        ("", "''"),
        (1.5, "1.5"),
        (7, "7"),
        ("2026-13-01 10:00:00", "'2026-13-01 10:00:00'"),
    ],
)
def test_a_row_without_a_time_is_named_until_it_is_mended_and_the_others_land(
    outbox: tuple[Place, Add], tmp_path: Path, at: Any, shown: str
) -> None:
    place, add = outbox
    for n, time in enumerate((AT, at, AT)):
        add(n, booking(), time)
    wrong = (
        f"source shop: outbox outbox, row 1: its created_at is {shown} and no time: write into it when the row was made"
    )
    assert said(place) == f"{wrong}, it lands then; 2 other rows landed"
    assert len(stored(place, "events")) == 2
    add(3, booking(), "2026-03-30 11:00:00")
    assert said(place, 1) == f"{wrong}, it lands then; 1 other rows landed"
    assert said(place, 2) == f"{wrong}, it lands then; 0 other rows landed"
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("update outbox set created_at = '2026-03-30 11:00:01' where id = 1")
    connection.close()
    assert place.take(3) == (1, 1, 0)


def test_several_rows_without_a_time_are_counted(outbox: tuple[Place, Add]) -> None:
    place, add = outbox
    for n in range(3):
        add(n, booking(), None)
    assert "row 0: its created_at is null and no time and 2 more: " in said(place)


@pytest.mark.parametrize("times", [(1, 2, 3), ("2026-03-30T10:00:00Z", "2026-03-30T10:00:01Z", "2026-03-30T10:30:00Z")])
def test_a_column_of_no_type_is_read_as_what_stands_in_it(tmp_path: Path, times: tuple[Any, ...]) -> None:
    place, add = of_type(tmp_path, "")
    for n, time in enumerate(times):
        add(n, json.dumps(json.loads(booking()) | {"timestamp": "2026-03-30T10:00:00Z"}), time)
        assert place.take() == (1, 1, 0)


@pytest.mark.parametrize("kind", ["", "integer", "bigint"])
@pytest.mark.parametrize("unit", [1, 1000])
def test_integers_are_seconds_or_milliseconds_since_1970(tmp_path: Path, kind: str, unit: int) -> None:
    place, add = of_type(tmp_path, kind)
    at = 1774864800  # 2026-03-30 10:00:00
    add(1, booking(), at * unit)
    add(2, booking(), (at + 1) * unit + (unit > 1))
    assert place.take() == (2, 2, 0)
    events = stored(place, "events")
    assert [str(event["event_at"]) for event in events] == [AT, AT[:-1] + ("1.001000" if unit > 1 else "1")]
    assert {event["time_quality"] for event in events} == {"ok"}
    add(3, booking(), (at - 500) * unit)  # its transaction ended later
    add(4, booking(), (at - 700) * unit)
    assert place.take() == (1, 1, 0)


@pytest.mark.parametrize(
    ("kind", "at", "shown"),
    [
        ("integer", 7, "7"),
        ("integer", 0, "0"),
        ("integer", 946_684_799, "946684799"),
        ("bigint", 1774864800 * 10**9, "1774864800000000000"),
        ("", 7, "7"),
        ("text", "soon", "'soon'"),
        ("text", "2026-03-30", "'2026-03-30'"),
        ("text", "1774864800", "'1774864800'"),
    ],
)
def test_what_is_no_time_is_never_the_time_of_arrival(tmp_path: Path, kind: str, at: Any, shown: str) -> None:
    place, add = of_type(tmp_path, kind)
    add(2, booking(), at)
    wrong = f"outbox row 2: its created_at is {shown}, and its message has no timestamp"
    for _ in range(2):
        assert said(place) == (
            f"source shop, table outbox: {wrong}: give it one, or name as created_at a column of times, or of seconds "
            "or milliseconds since 1970; nothing of it landed"
        )
    add(1, json.dumps(json.loads(booking()) | {"timestamp": "2026-03-30T10:00:00Z"}), at)
    assert place.take() == (2, 1, 1)
    assert len(stored(place, "events")) == 1
    reasons = json.loads(stored(place, "quarantine")[0]["reasons"])
    assert [(one["code"], one["message"]) for one in reasons] == [("missing_timestamp", wrong)]


def test_a_text_with_an_offset_is_a_time(tmp_path: Path) -> None:
    place, add = of_type(tmp_path, "text")
    for n, time in enumerate(("2026-03-30 10:00:00", "2026-03-30T10:00:00Z", "2026-03-30T12:00:00+02:00")):
        add(n, booking(), time)
    assert place.take() == (3, 3, 0)
    assert {str(event["event_at"]) for event in stored(place, "events")} == {AT}


def test_a_column_of_numbers_with_fractions_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table outbox (id integer primary key, payload text, created_at real)")
        connection.execute("insert into outbox values (1, '{}', 1.5)")
    connection.close()
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}", kind="outbox", outbox={"table": "outbox"})
    assert "row 1: its created_at is 1.5 and no time" in said(place)


def test_what_is_missing_is_named(outbox: tuple[Place, Add], tmp_path: Path) -> None:
    place, _ = outbox
    place.settings = replace(
        place.settings, sources=(("ALMANAC_SOURCE_SHOP_URL", f"sqlite:///{tmp_path / 'other.db'}"),)
    )
    assert said(place).startswith(
        "source shop, outbox: the database has no table outbox: create it, or correct its name"
    )
    place.settings = replace(place.settings, sources=(("ALMANAC_SOURCE_SHOP_URL", "mysql://me:s3cret@localhost/shop"),))
    assert said(place).startswith("source shop: the database's driver MySQLdb is not installed: install it into .venv")


def test_what_is_missing_of_a_table_is_named_alike(tmp_path: Path) -> None:
    tables = {"orders": {"key": ["id"], "path": "shop_orders"}}
    place = Place(tmp_path / "1", f"sqlite:///{tmp_path / 'shop.db'}", kind="sql", tables=tables)
    with pytest.raises(
        AlmanacError, match="source shop, table orders: the database has no table shop_orders: create it"
    ):
        place.fetch()
    place = Place(tmp_path / "2", "mysql://me:s3cret@localhost/shop", kind="sql", tables=tables)
    with pytest.raises(AlmanacError, match="source shop, table orders: the database's driver MySQLdb is not installed"):
        place.fetch()
