"""The examples of Segment's own specification, each sent as it is to the route that it is an example of.

The tracking plan of this test declares the events that occur in them, with the types that their values have.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from ingestion.privacy.cleaning import truncated
from ingestion.tracking_plan.names import name_problem
from ingestion.tracking_plan.values import PARSERS
from tests.integration.collector_process import eventually, lake_rows, new_key, running
from tests.refused_events import new_place

TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}
pytestmark = pytest.mark.xdist_group("segment_spec")  # one worker sends them, once


class Example(NamedTuple):
    """A payload, the type of the route that it belongs to, and what was answered."""

    payload: dict[str, Any]
    type: str
    status: int
    answer: dict[str, Any]

    @property
    def values(self) -> dict[str, Any]:
        """Its properties or traits."""
        return dict(self.payload.get("traits" if self.type in ("identify", "group") else "properties") or {})


@pytest.fixture(scope="module")
def payloads(data_folder: Path) -> list[dict[str, Any]]:
    """The examples, as they stand in the specification."""
    file = data_folder / "segment_spec" / "segment_spec_examples.jsonl"
    return [json.loads(line)["payload"] for line in file.read_text(encoding="utf-8").splitlines()]


def route(payload: dict[str, Any]) -> str:
    """The type of message: what the payload says, else a track, because all those without a type name an event."""
    return str(payload.get("type") or "track")


def typed_properties(found: list[dict[str, Any]]) -> dict[str, str]:
    """The type of each property that can be declared: a name fit for a column, and one type wherever it occurs."""
    kinds: dict[str, set[str]] = {}
    for payload in found:
        for name, value in (payload.get("properties") or {}).items():
            kinds.setdefault(name, set()).add(TYPES.get(type(value), "other"))
    one = {name: "number" if known == {"integer", "number"} else min(known) for name, known in kinds.items()}
    taken = {"amount", "category", "name", "title", "url", "description", "quantity", "currency", "price"}
    return {n: t for n, t in one.items() if t in PARSERS and name_problem(n) is None and n not in taken}


def declare(folder: Path, found: list[dict[str, Any]]) -> dict[str, str]:
    """Add a contract for each event and a tenant `spec` that sends them; returns the declared properties' types."""
    types = typed_properties(found)
    events: dict[str, Any] = {}
    for payload in found:
        own = payload.get("event")
        if own is None:
            continue
        name = "spec_" + own.lower().replace(" ", "_")
        given = {key: value for key, value in (payload.get("properties") or {}).items() if key in types}
        contract = {
            "event": name,
            "type": "track",
            "title": own,
            "description": "An example of Segment's specification.",
            "owner": "growth",
            "retention": "behavioural",
            "properties": {
                key: {"type": types[key], "pii": "none", "description": key, "example": value}
                for key, value in given.items()
            },
            "example": given,
        }
        (folder / f"{name}.yml").write_text(yaml.safe_dump(contract), encoding="utf-8")
        events[own] = {"event": name}
    tenant = {"tenant": "spec", "title": "Spec", "business": "Examples", "time_zone": "Europe/Berlin"}
    tenant |= {"currency": "EUR", "sources": {"web": {}}, "events": events}
    tenant |= {"privacy": {"email": "keep", "phone": "keep"}}  # so that every value can be compared
    (folder / "tenants" / "spec.yml").write_text(yaml.safe_dump(tenant), encoding="utf-8")
    return types


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spec") / "home"


@pytest.fixture(scope="module")
def types(home: Path, payloads: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """The types of the declared properties, of a plan that lasts as long as this module."""
    place = new_place(home.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALMANAC_ROOT", str(place.root))
        yield declare(place.root / "ingestion" / "tracking_plan", payloads)


@pytest.fixture(scope="module")
def examples(home: Path, types: dict[str, str], payloads: list[dict[str, Any]]) -> list[Example]:
    """Every payload, sent to its route, with the answer; the collector has landed them all."""
    assert types
    home.mkdir()
    key = new_key(home, "spec")
    with running(home) as collector, httpx.Client(base_url=collector.url, auth=(key, ""), timeout=30) as client:
        sent = []
        for payload in payloads:
            answer = client.post(f"/v1/{route(payload)}", json=payload)
            sent.append(Example(payload, route(payload), answer.status_code, answer.json()))
        eventually(lambda: len(lake_rows(home, "counters", "*", "received > 0")) > 0)
        assert collector.stop() == 0
    return sent


def test_those_with_an_identity_are_accepted_and_the_others_are_told_what_is_missing(examples: list[Example]) -> None:
    assert len(examples) == 75
    named = [e for e in examples if e.payload.get("userId") or e.payload.get("anonymousId")]
    assert len(named) == 65
    assert [(e.payload, e.answer) for e in named if (e.status, e.answer.get("accepted")) != (200, 1)] == []
    nameless = [e for e in examples if e not in named]
    assert {(e.status, e.answer["code"], e.answer["field"]) for e in nameless} == {(400, "missing_identity", "userId")}


def test_each_is_in_the_lake_as_what_its_route_says_with_its_values_typed(
    home: Path, examples: list[Example], types: dict[str, str]
) -> None:
    accepted = [e for e in examples if e.status == 200]
    declared = sorted({name for e in accepted if e.type == "track" for name in e.values} & types.keys())
    assert len(declared) >= 40
    columns = ", ".join(["type", "user_id", "properties", *declared])
    rows = lake_rows(home, "events", columns, "true order by received_at")
    assert len(rows) == len(accepted) == 65
    for example, (kind, user_id, properties, *values) in zip(accepted, rows, strict=True):
        assert kind == example.type
        assert user_id == example.payload.get("userId")
        kept = json.loads(properties)
        assert {**kept, **example.values} == kept
        if kind == "track":
            found = {name: value for name, value in zip(declared, values, strict=True) if value is not None}
            assert found == {name: value for name, value in example.values.items() if name in types}


def test_those_refused_are_in_quarantine_as_they_came_but_for_the_whole_address(
    home: Path, examples: list[Example]
) -> None:
    refused = [e.payload for e in examples if e.status == 400]
    rows = lake_rows(home, "quarantine", "code, payload", "true order by received_at")
    assert [code for code, _ in rows] == ["missing_identity"] * 10
    for payload, (_, kept) in zip(refused, rows, strict=True):
        expected = {"type": "track", **payload}
        if "ip" in payload.get("context", {}):
            expected["context"] = {**payload["context"], "ip": truncated(payload["context"]["ip"])}
        assert json.loads(kept) == expected
