"""The short shapes of events that platforms send of their own become messages in Segment's shape; nothing is lost."""

from typing import Any

import pytest

from tests.dialect_requests import events, only

AT = "2026-11-26T08:28:54.790Z"


def test_a_named_event_with_a_kind() -> None:
    short = {
        "eventType": "action",
        "eventName": "fund_project",
        "userId": "u1",
        "sessionId": "s1",
        "properties": {"amount": 5},
        "context": {"device": "mobile", "browser": "Firefox", "location": "Kenya", "locale": "en"},
        "timestamp": AT,
        "writeKey": "alm_k",
    }
    assert events("/api/analytics/track", short).write_key == "alm_k"
    assert only("/api/analytics/track", short) == {
        "type": "track",
        "event": "fund_project",
        "userId": "u1",
        "sessionId": "s1",
        "timestamp": AT,
        "writeKey": "alm_k",
        "properties": {"amount": 5, "event_type": "action"},
        "context": {
            "device": {"type": "mobile"},
            "browser": {"name": "Firefox"},
            "location": {"country": "Kenya"},
            "locale": "en",
        },
    }


def test_a_flat_row_of_events() -> None:
    short = {
        "event_type": "search",
        "session_id": "s1",
        "page_url": "https://x.example/",
        "event_data": {"origin": "BER"},
        "device_type": "desktop",
        "browser": "Chrome",
        "country": "Germany",
        "city": "Berlin",
        "timestamp": AT,
        "cabin": "economy",
    }
    assert only("/api/analytics/track", short) == {
        "type": "track",
        "event": "search",
        "anonymousId": "s1",
        "sessionId": "s1",
        "timestamp": AT,
        "properties": {"origin": "BER", "cabin": "economy"},
        "context": {
            "page": {"url": "https://x.example/"},
            "device": {"type": "desktop"},
            "browser": {"name": "Chrome"},
            "location": {"country": "Germany", "city": "Berlin"},
        },
    }


def test_type_and_data() -> None:
    message = only("/api/analytics/track", {"type": "search", "data": {"q": 1}, "userId": "u"})
    assert message == {"type": "track", "event": "search", "userId": "u", "properties": {"q": 1}}
    page = only("/api/analytics/track", {"eventType": "page_view", "eventName": "Home", "userId": "u"})
    assert (page["type"], page["name"]) == ("page", "Home")


def test_several_objects_of_data_are_merged_and_the_first_named_counts() -> None:
    short = {
        "eventName": "Booking Confirmed",
        "data": {"coupon": "X", "total": 6, "seat": "9C"},
        "eventData": {"seat": "12A", "total": 5},
        "properties": {"booking_id": "S1", "total": 4, "seat": None},
        "userId": "s1",
    }
    message = only("/api/analytics/track", short)
    assert message["properties"] == {"booking_id": "S1", "total": 4, "coupon": "X", "seat": "12A"}
    only_data = only("/api/analytics/track", {"eventName": "x", "userId": "u", "properties": {}, "data": {"a": 1}})
    assert only_data["properties"] == {"a": 1}
    no_object = only("/api/analytics/track", {"eventName": "x", "userId": "u", "properties": "odd", "data": {"a": 1}})
    assert (no_object["properties"], no_object["data"]) == ("odd", {"a": 1})


@pytest.mark.parametrize(
    ("left", "property_"),
    [
        ({"type": "premium"}, "type"),
        ({"data": "text"}, "data"),
        ({"user_id": "u2"}, "user_id"),
        ({"device_id": "d2", "anonymousId": "a"}, "device_id"),
        ({"page_url": "https://b.example/", "context": {"page": {"url": "https://a.example/"}}}, "page_url"),
        ({"browser": "Chrome", "context": {"browser": 7}}, "browser"),
        ({"occurred_at": AT, "timestamp": "2026-11-01T00:00:00Z"}, "occurred_at"),
        ({"event": "other", "eventName": "Search"}, "event"),
    ],
)
def test_what_has_no_place_of_its_own_becomes_a_property(left: dict[str, Any], property_: str) -> None:
    message = only("/api/analytics/track", {"event_type": "search", "userId": "u1", **left})
    assert message["properties"][property_] == left[property_]


def test_the_same_said_twice_and_nothing_said_become_no_property() -> None:
    twice = {"userId": "u1", "user_id": "u1", "event_type": "search", "eventType": "search", "type": "track"}
    empty = {"event_data": None, "properties": "", "page_url": None, "session_id": ""}
    assert only("/api/analytics/track", twice | empty) == {"type": "track", "event": "search", "userId": "u1"}


@pytest.mark.parametrize("name", ["id", "event_id", "eventId"])
def test_what_an_event_is_about_is_not_its_message_id(name: str) -> None:
    message = only("/api/analytics/track", {"event_type": "view", "user_id": "u1", name: "L-9"})
    assert ("messageId" in message, message["properties"]) == (False, {name: "L-9"})
    named = only("/api/analytics/track", {"event_type": "view", "user_id": "u1", "message_id": "m1"})
    assert (named["messageId"], "properties" in named) == ("m1", False)


def test_a_kind_that_is_no_text_is_left_to_the_door() -> None:
    assert only("/api/analytics/track", {"event_type": ["view"], "user_id": "u1"})["event"] == ["view"]


def test_segments_shape_keeps_its_bytes_and_may_stand_beside_short_ones() -> None:
    body = b'{"batch": [{"event" : "x","userId":"u"}, {"eventName": "y", "user_id": 7}]}'
    first, second = events("/api/analytics/track", body).items
    assert first.raw == b'{"event" : "x","userId":"u"}'
    assert second.value == {"type": "track", "event": "y", "userId": 7}
