"""An outbox beside the straight way: what its events may hold, and rows and databases that cannot be read."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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

    def run(sql: str, *values: Any) -> None:
        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.execute(sql, values)
        connection.close()

    def add(n: int, payload: Any, at: Any = AT) -> None:
        run("insert into outbox values (?, ?, ?)", n, payload, at)

    run("create table outbox (id integer primary key, payload text, created_at timestamp)")
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
