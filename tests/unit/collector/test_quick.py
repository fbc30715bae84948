"""The quick lane against the careful way: the same verdict, byte for byte, or none.

A settled event has its context as the lake stores it, which may be written with less space than it came with.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.settings import Settings
from almanac.state import SuppressedIds, hash_id
from benchmarks.events import bodies
from ingestion.collector import quick_contexts
from ingestion.collector.dialects import Request, match
from ingestion.collector.dialects.segment import quick_single
from ingestion.collector.door import Door, Verdict
from ingestion.collector.enrich import Enricher
from ingestion.collector.quick import QuickLane
from ingestion.enrichment import open_places
from ingestion.privacy.suppression import Suppression
from ingestion.tracking_plan import load_plan

PLAN = load_plan()
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = b"secret"
HIDDEN = Suppression(
    SuppressedIds(by_tenant={"rentals": frozenset({hash_id(SECRET, "rentals", "hidden")})}, secret=SECRET)
)
# As in the collector, one of each sees every request.
ENRICHER = Enricher(open_places(Settings.from_env({})))
DOOR = Door(PLAN, HIDDEN.of)
QUICK = QuickLane(PLAN, ENRICHER, HIDDEN.of)
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"


def both(body: bytes, path: str, headers: dict[bytes, bytes]) -> tuple[list[Any], list[Any]]:
    """The verdicts of the quick lane and of the careful way."""
    request = Request("POST", path, body, headers)
    found = match(path)
    assert found is not None
    route = found.routes["POST"]
    assert route.quick is not None
    unread = route.quick(request)
    careful = ENRICHER.enrich(route.reader(request), headers, None)  # type: ignore[arg-type]
    wanted = DOOR.judge(careful, "rentals", "web", NOW)
    if unread is None:
        return [None] * len(wanted), wanted
    quick = QUICK.judge(unread, "rentals", headers, None)
    if not unread.is_batch:
        assert quick == [QUICK.judge_one(unread, "rentals", headers, None)]
    return quick, wanted


def agree(ours: Verdict, theirs: Verdict) -> bool:
    """Whether both say the same of an event."""
    if not ours.is_settled:
        return ours == theirs
    assert b"\\" not in ours.raw
    if ours.context:
        given = json.loads(theirs.raw)["context"]
        assert ours.context == msgspec.json.encode(msgspec.json.decode(json.dumps(given)))
        assert ours.raw[ours.hole : ours.hole + 1] == b"0"
        # What is added to a context makes the careful way write the whole event anew.
        assert beside_context(ours.raw) == beside_context(theirs.raw)
    else:
        assert ours.raw == theirs.raw
    return not (theirs.reasons or theirs.warnings or theirs.is_suppressed)


def beside_context(raw: bytes) -> list[tuple[str, Any]]:
    """What an event holds, in its order, but for what its context is."""
    return [(name, name == "context" or value) for name, value in json.loads(raw, object_pairs_hook=list)]


texts = st.sampled_from(
    ["u1", "hidden", "", "null", "a\x00", "Property Viewed", "é", 'a":b', "alm_" + "x" * 30, "x" * 300]
)
values = st.one_of(texts, st.none(), st.integers(-3, 2**70), st.floats(allow_nan=False, allow_infinity=False))
names = st.sampled_from(
    ["property_id", "price_per_night", "city", "ip", "api_key", "type", "context", "q", "userAgent", "", "n" * 300]
)
properties = st.dictionaries(names, values | st.dictionaries(names, values, max_size=2), max_size=4)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "userAgent": st.sampled_from([SAFARI, "curl/8", 7]),
        "ip": st.just("203.0.113.77"),
        "locale": values,
        "sessionId": texts,
        "page": properties,
        "device": properties,
        "traits": st.just({"email": "hidden"}),
    },
)
events = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "page", "identify", "alias", "trak"]),
        "event": st.sampled_from(["Property Viewed", "Signed Up", "Unheard Of", 3]),
        "messageId": st.sampled_from(["3e1a1f2e-0000-4000-8000-000000000000", "m", "", "m" * 101, 5]),
        "userId": values,
        "anonymousId": values,
        "previousId": texts,
        "name": texts,
        "sentAt": st.sampled_from(["2026-05-01T12:00:00Z", None, "soon"]),
        "timestamp": st.sampled_from(["2026-05-01T11:59:00Z", "1999"]),
        "properties": properties | st.just([]) | st.none(),
        "traits": properties,
        "context": contexts | st.none(),
        "integrations": st.just({"All": True}),
        "writeKey": st.just("secret"),
    },
)
# Plain events and nasty ones, so that both outcomes are met.
good = events.map(
    lambda odd: {
        "type": "track",
        "event": "Property Viewed",
        "messageId": "3e1a1f2e-0000-4000-8000-000000000001",
        "userId": "u1",
        "properties": {"property_id": "L-1", "city": "Berlin"},
        "context": {"locale": "de", "userAgent": SAFARI},
        **(odd if len(odd) < 3 else {}),
    }
)
written: list[Callable[[Any], str]] = [
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
    json.dumps,
    lambda value: json.dumps(value)[:-1] + ',"userId":"u2"}' if value else "{}",
    lambda value: json.dumps(value).replace('"city"', '"city":"x","city"'),
    lambda value: json.dumps(value).replace('"city"', '"city" :"x","city"'),
    lambda value: json.dumps(value, indent=1, separators=(",", "\n:")),
]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(events | good, st.sampled_from(written)), min_size=1, max_size=4),
    st.sampled_from([None, '"2026-05-01T12:00:01Z"', "7"]),
    st.sampled_from([None, '{"locale":"fr"}']),
    st.sampled_from([{}, {b"user-agent": SAFARI.encode()}]),
)
def test_a_batch_has_the_verdicts_of_the_careful_way_or_none(
    batch: list[tuple[dict[str, Any], Callable[[Any], str]]],
    sent_at: str | None,
    context: str | None,
    headers: dict[bytes, bytes],
) -> None:
    beside = "".join(f',"{name}":{value}' for name, value in (("sentAt", sent_at), ("context", context)) if value)
    body = '{"batch":[' + ",".join(write(event) for event, write in batch) + "]" + beside + "}"
    quick, careful = both(body.encode(), "/v1/batch", headers)
    assert len(quick) == len(careful)
    for ours, theirs in zip(quick, careful, strict=True):
        assert ours is None or agree(ours, theirs)


@settings(max_examples=200, deadline=None)
@given(
    events | good,
    st.sampled_from(written),
    st.sampled_from(["/v1/track", "/v1/page", "/v1/identify"]),
    st.sampled_from([{}, {b"user-agent": SAFARI.encode()}]),
)
def test_a_single_event_has_the_verdict_of_the_careful_way_or_none(
    event: dict[str, Any], write: Callable[[Any], str], path: str, headers: dict[bytes, bytes]
) -> None:
    (ours,), (theirs,) = both(write(event).encode(), path, headers)
    assert ours is None or agree(ours, theirs)


@pytest.mark.parametrize("headers", [{}, {b"user-agent": SAFARI.encode()}])
def test_ordinary_events_stay_in_the_quick_lane(headers: dict[bytes, bytes]) -> None:
    for path, body in (("/v1/batch", bodies(50, 1)[0]), ("/v1/track", bodies(1, 1)[0])):
        quick, careful = both(body, path, headers)
        assert all(map(agree, quick, careful))
        assert all(verdict.is_settled for verdict in quick)


def test_what_clients_usually_send_stays_in_the_quick_lane() -> None:
    for body in bodies(100, 3):
        quick, wanted = both(body, "/v1/batch", {b"user-agent": SAFARI.encode()})
        assert all(map(agree, quick, wanted))
    for body in bodies(1, 50):
        quick, wanted = both(body, "/v1/track", {})
        assert all(map(agree, quick, wanted))


@pytest.mark.parametrize("written", [json.dumps, lambda value: json.dumps(value, separators=(",", ":"))])
@pytest.mark.parametrize("agent", [None, SAFARI])
def test_a_name_that_stands_twice_is_seen_inside_and_outside_of_the_context(
    written: Callable[[Any], str], agent: str | None
) -> None:
    context = {"locale": "de", **({"userAgent": agent} if agent else {})}
    event = {"event": "Property Viewed", "messageId": "m", "userId": "u", "properties": {"property_id": "L"}}
    plain = written({"type": "track", "context": context, **event})
    twice = [
        plain[:-1] + ',"userId":"v"}',
        plain.replace('"property_id"', '"city":"B","city"'),
        plain.replace('"locale"', '"timezone":"x","timezone":"y","locale"'),
        plain[:-1] + f',"context":{written(context)}}}',
        "{" + f'"context":{written(context)},' + plain[1:],
    ]
    for body, is_quick in ((plain, True), *((body, False) for body in twice)):
        (ours,), (theirs,) = both(body.encode(), "/v1/track", {})
        assert agree(ours, theirs) if is_quick else ours is None


@pytest.mark.parametrize("space", [" ", "  ", "\t", "\n", "\r\n"])
@pytest.mark.parametrize("name", ["userId", "properties", "context", "messageId"])
def test_a_name_that_stands_twice_is_seen_with_space_before_its_colon(name: str, space: str) -> None:
    event = {
        "type": "track",
        "event": "Property Viewed",
        "messageId": "m",
        "userId": "u",
        "properties": {"property_id": "L"},
        "context": {"locale": "de"},
    }
    first = f'"{name}"{space}:{json.dumps({**event, "userId": "hidden"}[name])},'
    for path, body in (("/v1/track", "{%s"), ("/v1/batch", '{"batch":[{%s]}')):
        (ours,), (theirs,) = both((body % (first + json.dumps(event)[1:])).encode(), path, {})
        assert ours is None
        assert theirs.warnings == ("duplicate_key",)


@pytest.mark.parametrize("field", ["userId", "anonymousId", "messageId", "sessionId", "context"])
def test_a_character_that_no_store_holds_is_left_to_the_careful_way(field: str) -> None:
    odd = {"sessionId": "a\0"} if field == "context" else "a\0"
    good = {"event": "Property Viewed", "messageId": "m", "userId": "u", "properties": {"property_id": "L"}}
    (ours,), _ = both(json.dumps({**good, field: odd}).encode(), "/v1/track", {})
    assert ours is None
    batch = {"batch": [{"type": "track", **good}, {"type": "track", **good, field: odd}]}
    (right, ours), (theirs, _) = both(json.dumps(batch).encode(), "/v1/batch", {})
    assert ours is None
    assert agree(right, theirs)


def test_a_context_is_looked_at_once_and_no_more_are_remembered_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_contexts, "_REMEMBERED", 5)
    looked = 0

    class Counting(Enricher):
        def item(self, item: Any, common: Any) -> Any:
            nonlocal looked
            looked += 1
            return super().item(item, common)

    lane = QuickLane(PLAN, Counting(open_places(Settings.from_env({}))), HIDDEN.of)
    event = {"type": "track", "event": "Property Viewed", "userId": "u", "properties": {"property_id": "L"}}
    for number in [0, 0, 0, *range(40)]:
        message = {**event, "messageId": "m", "context": {"locale": f"l{number}"}}
        request = Request("POST", "/v1/track", json.dumps(message).encode())
        (verdict,) = lane.judge(quick_single(request), "rentals", {}, None)  # type: ignore[arg-type]
        assert verdict is not None
    assert looked == 40
    known = lane._lanes["rentals"].contexts._known
    assert sum(len(found) for found in known.values()) <= 5
