"""The quick way of plain events against the careful one: value for value, for whatever a client may send."""

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.lake_rows import part_tables
from ingestion.logged_events import LoggedEvents
from ingestion.plain_fit import PlainFit
from ingestion.plain_typed import TypedEvents
from tests.client_messages import PLAN, TENANTS, messages, unsettled, written

FILE = UUID(int=7)


@st.composite
def logs(draw: st.DrawFn) -> tuple[str, LoggedEvents]:
    tenant = draw(st.sampled_from(TENANTS))
    events = draw(st.lists(st.tuples(messages(tenant), st.sampled_from([0, 0, 0, 1, 2, 3])), min_size=1, max_size=6))
    junk = draw(
        st.lists(st.sampled_from([b"", b"[]", b"{", b'{"type":"track"}x', b"\xff", b'{"a":"\xff"}']), max_size=1)
    )
    raws = [written(*event) for event in events] + junk
    return tenant, unsettled(raws)


class Counted:
    plain = 0
    all = 0


def quick_equals_careful(log: tuple[str, LoggedEvents]) -> None:
    tenant, events = log
    accepted, refused = part_tables(PLAN, tenant, "web", events, FILE, None)
    # Decoded before, each takes the careful way.
    carefully, carefully_refused = part_tables(PLAN, tenant, "web", [event.arrival() for event in events], FILE, None)
    assert accepted.sort_by("ingest_row").to_pylist() == carefully.to_pylist()
    assert refused.to_pylist() == carefully_refused.to_pylist()
    accepted = accepted.cast(carefully.schema)
    # What the door is told must be what the landing does.
    surely = [fit is not None for fit in PlainFit(PLAN, tenant).of([event.raw for event in events])]
    refused_places = set(refused["ingest_row"].to_pylist())
    assert not any(is_plain and place in refused_places for place, is_plain in enumerate(surely))
    Counted.plain += sum(surely)
    Counted.all += len(surely)


@pytest.mark.parametrize("examples", [100, pytest.param(5_000, marks=pytest.mark.deep)])
def test_the_quick_way_gives_what_the_careful_way_gives(examples: int) -> None:
    Counted.plain = Counted.all = 0
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    settings(max_examples=examples, deadline=None, suppress_health_check=slow)(given(logs())(quick_equals_careful))()
    # Otherwise hardly anything was compared.
    assert 0.05 < Counted.plain / Counted.all < 0.9


def test_what_clients_usually_send_is_plain() -> None:
    events = [
        {"type": "track", "event": "Property Viewed", "properties": {"property_id": "L-1", "price_per_night": 89.5}},
        {"type": "page", "name": "Home", "properties": {"path": "/", "title": "Köln"}},
        {"type": "identify", "traits": {}},
        {"type": "track", "event": "search_performed", "properties": {"query": 'two "rooms"', "results_count": 3}},
    ]
    common = {"userId": "u1", "messageId": "022bb90c-bbac-11e4-8dfc-aa07a5b093db", "context": {"locale": "de"}}
    for event in events:
        message = {**event, **common, "integrations": {}, "sentAt": "2026-05-01T12:00:00.000Z"}
        assert PlainFit(PLAN, "rentals").of([msgspec.json.encode(message), json.dumps(message).encode()])[0]


@pytest.mark.parametrize(
    "properties",
    [{}, {"property_id": " "}, {"property_id": None}, {"property_id": "L", "price_per_night": "many"},
     {"property_id": "L", "new": {}}],
)  # fmt: skip
def test_what_needs_thought_is_not_plain(properties: dict[str, Any]) -> None:
    message = {"type": "track", "event": "Property Viewed", "userId": "u1", "messageId": "m", "properties": properties}
    assert PlainFit(PLAN, "rentals").of([msgspec.json.encode(message)]) == [None]


def test_a_tenants_name_that_is_another_propertys_is_left_to_the_careful_way() -> None:
    known = PLAN.judges.by_name["rentals"]["listing_viewed"]
    assert {"city", "category"} <= known.specs.keys()
    typed = TypedEvents(PLAN, "rentals")
    assert typed._type("Viewed", known) is not None
    assert typed._type("Viewed", known._replace(rename={"city": "category"})) is None
