"""Device, browser, system and place are added to an event's context, and nothing that a client states is changed."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.collector.dialects import Found, Request, segment
from ingestion.collector.enrich import Enricher
from ingestion.enrichment import Places
from ingestion.envelope import MAX_EVENT_BYTES

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
ON_A_PHONE = {
    "device": {"type": "mobile"},
    "os": {"name": "iOS"},
    "browser": {"name": "Safari", "version": "18"},
}
IN_KENYA = {"country": "Kenya", "country_code": "KE"}
BROWSER = {b"user-agent": PHONE.encode(), b"x-country": b"KE"}
SERVER = {b"user-agent": b"analytics-python/2.4.0", b"x-country": b"KE"}


def enriched(found: Found, headers: dict[bytes, bytes]) -> list[dict[str, Any]]:
    after = Enricher(Places(b"x-country")).enrich(found, headers, "203.0.113.7").items
    for item in after:
        assert json.loads(item.raw) == item.value
    return [item.value for item in after]


def single(message: Any, headers: dict[bytes, bytes] = SERVER) -> dict[str, Any]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return enriched(segment.read_single(Request("POST", "/v1/track", body)), headers)[0]


def batch(events: list[Any], context: Any, headers: dict[bytes, bytes]) -> list[dict[str, Any]]:
    body = json.dumps({"batch": events, "context": context}).encode()
    return enriched(segment.read_batch(Request("POST", "/v1/batch", body)), headers)


def test_an_events_own_user_agent_tells_its_device() -> None:
    context = {"userAgent": PHONE, "locale": "de"}
    assert single({"event": "x", "context": context})["context"] == context | ON_A_PHONE


def test_a_browser_tells_device_and_place_of_events_that_say_nothing() -> None:
    everything = ON_A_PHONE | {"location": IN_KENYA}
    assert single({"event": "x"}, BROWSER)["context"] == everything
    assert single({"event": "x", "context": {}}, BROWSER)["context"] == everything
    assert single({"event": "x", "context": None}, BROWSER)["context"] == everything
    assert single(b' {"event": "x"}', BROWSER)["context"] == everything


def test_a_server_tells_nothing_about_a_person() -> None:
    message = {"event": "x", "userId": "u", "context": {"library": {"name": "analytics-python"}}}
    assert single(message, SERVER) == message


def test_what_a_client_states_is_never_overridden() -> None:
    stated = {
        "userAgent": PHONE,
        "device": {"type": "kiosk", "model": "K1"},
        "os": {"name": "KioskOS"},
        "browser": {"name": "Own"},
        "location": {"city": "Lyon"},
    }
    assert single({"event": "x", "context": stated}, BROWSER)["context"] == stated
    partly = single({"event": "x", "context": {"device": {"model": "K1"}, "os": "iOS"}}, BROWSER)["context"]
    assert partly == ON_A_PHONE | {"device": {"type": "mobile", "model": "K1"}, "os": "iOS", "location": IN_KENYA}


def test_an_empty_field_is_not_a_statement() -> None:
    empty = {"os": {"name": "", "version": ""}, "device": {"type": None}, "browser": ""}
    context = single({"event": "x", "context": empty}, BROWSER)["context"]
    assert context == ON_A_PHONE | {"os": {"name": "iOS", "version": ""}, "location": IN_KENYA}


def test_the_batchs_context_counts_as_stated() -> None:
    events = [{"event": "a"}, {"event": "b", "context": {"locale": "de"}}]
    a, b = batch(events, {"device": {"type": "kiosk"}, "userAgent": PHONE}, SERVER)
    assert a["context"] == {"os": ON_A_PHONE["os"], "browser": ON_A_PHONE["browser"]}
    assert b["context"] == {"locale": "de"} | a["context"]


def test_client_hints_are_better_than_the_user_agent() -> None:
    data = {"brands": [{"brand": "Brave", "version": "130"}], "mobile": True, "platform": "Android"}
    context = single({"event": "x", "context": {"userAgent": PHONE, "userAgentData": data}})["context"]
    assert (context["os"], context["browser"]) == ({"name": "Android"}, {"name": "Brave", "version": "130"})


@pytest.mark.parametrize(
    "raw",
    [
        b'{"event":"x","context" : { "locale":"de"} , "userId":"u"}',
        b'{"properties":{"context":{"a":1}},"context":{"locale":"de"}}',
        b'{"properties":{"context":{"a":1}},"cont\\u0065xt":{"locale":"de"}}',
        b'{"event":"say \\"context\\":{\\"a\\":1}","context":{"locale":"de"}}',
        b'{"context":{},"event":"x","properties":{"a":"context"}}',
        b'{"event":"x","properties":{"context":{"a":1}}}',
        b'{"event":"x","context":null,"properties":{"context":{"a":1}}}',
    ],
)
def test_the_bytes_that_are_kept_say_the_same_as_the_event(raw: bytes) -> None:
    context = single(raw, BROWSER)["context"]
    assert context["device"] == {"type": "mobile"}
    assert single(raw, BROWSER) | {"context": None} == json.loads(raw) | {"context": None}


def test_the_clients_own_bytes_stay_where_nothing_is_in_the_way() -> None:
    raw = b'{"event" : "x",  "context": {"locale": "de"}, "amount": 1.50}'
    found = segment.read_single(Request("POST", "/v1/track", raw))
    (item,) = Enricher(Places()).enrich(found, BROWSER, None).items
    assert item.raw.startswith(b'{"event" : "x",  "context": {"device":')
    assert item.raw.endswith(b'"locale": "de"}, "amount": 1.50}')


def test_an_event_does_not_become_too_large_by_what_is_added() -> None:
    message = {"event": "x", "properties": {"text": "y" * (MAX_EVENT_BYTES - 60)}}
    assert single(message, BROWSER) == message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        name: json_values | st.dictionaries(st.sampled_from(["type", "name", "version", "country"]), json_values)
        for name in ("device", "os", "browser", "location", "userAgentData", "ip")
    }
    | {"userAgent": json_values | st.just(PHONE)},
)


@settings(max_examples=60)
@given(contexts | json_values, contexts | json_values, st.sampled_from([BROWSER, SERVER]), st.booleans())
def test_whatever_is_stated_stays(own: Any, beside: Any, headers: dict[bytes, bytes], pad: bool) -> None:
    event = {"event": "x", "context": own} | ({"properties": {"context": {"a": 1}}} if pad else {})
    (after,) = batch([event], beside, headers)
    assert_kept(event, after)


def assert_kept(before: Any, after: Any) -> None:
    """Every value that was there is there still; empty ones may have been filled."""
    if isinstance(before, dict) and before:
        assert isinstance(after, dict)
        for name, value in before.items():
            assert_kept(value, after[name])
    elif before not in (None, "", {}):
        assert after == before
