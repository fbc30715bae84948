"""What the tests of the bad-input catalogue share: cases with their number, sent alone and among good neighbours.

Every case is sent twice to a real collector: as the only event of a request, and in a batch between two good events.
What was answered and what is found in the lake afterwards is compared with what the case expects.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.collector_process import lake_rows, land_rest, new_key, running

OK = 200


def event(**fields: Any) -> dict[str, Any]:
    """A good event of tenant `rentals`; `...` leaves a field out."""
    message = {
        "type": "track",
        "event": "Property Searched",
        "userId": "u1",
        "messageId": str(uuid4()),
        "properties": {"q": "berlin"},
        **fields,
    }
    return {name: value for name, value in message.items() if value is not ...}


@dataclass(frozen=True)
class Case:
    """One entry of the catalogue: an event, and what becomes of it.

    `raw` is the event's JSON. `status` and `code` are the answer to it alone; 200 is an accepted event, whose row has
    the `warnings` (beginnings) and passes `check`. A refused one has a quarantine row with this code and `field`.
    """

    name: str
    raw: bytes
    status: int = OK
    code: str = ""
    field: str | None = None
    warnings: tuple[str, ...] = ()
    check: Callable[[dict[str, Any]], bool] = lambda _: True
    says: str = ""


@dataclass
class Sent:
    """The answers to one case, alone and among neighbours."""

    alone: httpx.Response
    among: httpx.Response
    neighbours: list[str] = field(default_factory=list)


def case(name: str, given: dict[str, Any] | bytes, status: int = OK, code: str = "", **expected: Any) -> Any:
    """A pytest parameter of which the id is the catalogue's number and the case's name."""
    marker = f"case {name}"
    if isinstance(given, bytes):
        raw = given.replace(b"{", b'{"case":"' + marker.encode() + b'",', 1).replace(b",}", b"}")
    else:
        raw = json.dumps({"case": marker, **given}).encode()
    return pytest.param(Case(name, raw, status, code, **expected), id=name)


def cases_of(parameters: Iterable[Any]) -> list[Case]:
    """The cases of pytest parameters."""
    return [parameter.values[0] for parameter in parameters]


class Lake:
    """What is in the lake of a home folder after everything was landed, read once."""

    def __init__(self, home: Path) -> None:
        ids, times = (
            ("message_id::varchar", "original_message_id", "user_id"),
            ("event_at", "original_at", "received_at"),
        )
        columns = (*ids, *times, "tenant", "type", "event", "time_quality", "warnings", "properties", "context")
        self.events = _rows(home, "events", columns)
        self.quarantine = _rows(home, "quarantine", ("code", "field", "payload", "message"))
        self.counters = lake_rows(home, "counters", "sum(received), sum(suppressed)")[0]

    def refused(self, case: Case) -> list[dict[str, Any]]:
        """The quarantine rows of a case."""
        return [row for row in self.quarantine if f'case {case.name}"' in row["payload"].replace("\\", "")]


@dataclass
class Catalogue:
    """All cases of a family after they were sent and landed."""

    sent: dict[str, Sent]
    lake: Lake
    ids: dict[str, list[str]]

    def accepted(self, case: Case) -> list[dict[str, Any]]:
        """The rows of a case's events, by their message ids or users."""
        ids = self.ids[case.name]
        return [
            row for row in self.lake.events if {row["message_id"], row["original_message_id"], row["user_id"]} & {*ids}
        ]


def send_all(home: Path, cases: Iterable[Case]) -> Catalogue:
    """Send every case to a collector of its own and land everything."""
    key = new_key(home)
    sent: dict[str, Sent] = {}
    ids: dict[str, list[str]] = {}
    with running(home, flush_seconds=3600) as collector:
        client = httpx.Client(base_url=collector.url, auth=(key, ""), timeout=30)
        for case in cases:
            alone, among = _copies(case)
            good = [event(), event()]
            body = b'{"batch":[' + b",".join((_json(good[0]), among, _json(good[1]))) + b"]}"
            kind = _type(alone)
            sent[case.name] = Sent(
                client.post("/api/analytics/track" if kind is None else f"/v1/{kind}", content=alone),
                client.post("/v1/batch", content=body),
                [message["messageId"] for message in good],
            )
            ids[case.name] = [i for raw in (alone, among) for i in _ids(raw)]
        assert collector.stop() == 0
    land_rest(home)
    return Catalogue(sent, Lake(home), ids)


def check(catalogue: Catalogue, case: Case) -> None:
    """That a case was answered, landed and set aside as it says, and that its neighbours did not suffer."""
    sent = catalogue.sent[case.name]
    batch = sent.among.json()
    landed = {row["message_id"] for row in catalogue.lake.events}
    assert sent.among.status_code == OK
    assert {*sent.neighbours} <= landed, "the neighbours"
    document = sent.alone.json()
    assert sent.alone.status_code == case.status, document
    if case.status == OK:
        assert batch == {"success": True, "accepted": 3, "rejected": 0}
        assert document == {"success": True, "accepted": 1, "rejected": 0}
        assert catalogue.lake.refused(case) == []
        rows = catalogue.accepted(case)
        assert len(rows) >= 1
        for row in rows:
            warnings = json.loads(row["warnings"] or "[]")
            for expected in case.warnings:
                assert any(warning.startswith(expected) for warning in warnings), warnings
            assert case.check(row), row
        return
    assert document["code"] == case.code
    assert case.says in document["message"]
    assert len(document["message"]) <= 300
    assert (batch["accepted"], batch["rejected"]) == (2, 1)
    assert (batch["errors"][0]["index"], batch["errors"][0]["code"]) == (1, case.code)
    rows = catalogue.lake.refused(case)
    assert [row["code"] for row in rows] == [case.code] * 2
    if case.field is not None:
        assert {row["field"] for row in rows} == {case.field} == {document["field"]}
    for row in rows:
        assert case.check(row), row


def _rows(home: Path, kind: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    names = [column.partition("::")[0] for column in columns]
    return [dict(zip(names, row, strict=True)) for row in lake_rows(home, kind, ", ".join(columns))]


def _json(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


def _copies(case: Case) -> tuple[bytes, bytes]:
    """The case's event twice; where it has a message id of its own making, with two different ones."""
    try:
        message = json.loads(case.raw)
        if isinstance(message.get("messageId"), str) and len(message["messageId"]) == 36:
            old = message["messageId"].encode()
            return case.raw, case.raw.replace(old, str(uuid4()).encode())
    except ValueError:
        pass
    return case.raw, case.raw


def _type(raw: bytes) -> str | None:
    """The address for an event by its type; None for events that state a type which has no address."""
    try:
        kind = json.loads(raw).get("type")
    except ValueError:
        return "track"
    return kind if kind in ("track", "page", "screen", "identify", "group", "alias") else None


def _ids(raw: bytes) -> Iterator[str]:
    try:
        message = json.loads(raw)
    except ValueError:
        return
    for name in ("messageId", "userId"):
        value = message.get(name)
        if isinstance(value, str | int) and value != "u1":
            yield str(value)
