"""Each dialect's requests, as its real libraries were seen to send them, become the one form that the door judges."""

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.collector.dialects import Document, Found, Request, match
from ingestion.collector.limits import MAX_EVENTS
from ingestion.collector.problems import Problem
from tests.dialect_requests import events, only, read

UUID = "01a216f8-d086-7d0a-842b-59159bda1734"
AT = "2026-11-26T08:28:54.790Z"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def document(path: str, body: Any = None, headers: dict[str, str] | None = None, **more: str) -> tuple[Any, str | None]:
    found = read(path, body, headers, **more)
    assert isinstance(found, Document)
    return json.loads(found.body), found.write_key


# --- settings --------------------------------------------------------------------------------------------------------


def test_the_browser_library_is_sent_back_to_where_its_settings_came_from() -> None:
    headers = {"host": "events.example:8080"}
    settings, key = document("/v1/projects/alm_k/settings", headers=headers, method="GET")
    assert key == "alm_k"
    collector = settings["integrations"]["Segment.io"]
    assert (collector["apiKey"], collector["apiHost"], collector["protocol"]) == (
        "alm_k",
        "events.example:8080/v1",
        "http",
    )
    assert list(settings["integrations"]) == ["Segment.io"]
    assert settings["metrics"] == {"sampleRate": 0}


def test_behind_a_proxy_with_tls_the_settings_say_https() -> None:
    headers = {"host": "e.example", "x-forwarded-proto": "https, http"}
    settings, _ = document("/v1/projects/k/settings", headers=headers, method="GET")
    assert settings["integrations"]["Segment.io"]["protocol"] == "https"


def test_rudder_gets_a_source_without_destinations() -> None:
    settings, key = document("/sourceConfig/", method="GET", query="p=npm&v=3.34.1&writeKey=alm_k&build=modern")
    assert (key, settings["source"]["enabled"], settings["source"]["destinations"]) == ("alm_k", True, [])
    assert document("/sourceConfig", method="GET")[1] is None


@pytest.mark.parametrize("path", ["/flags/", "/decide"])
def test_a_question_about_flags_is_answered_with_none(path: str) -> None:
    answer, key = document(path, {"token": "alm_k", "distinct_id": "u1"}, query="v=4")
    assert (answer["flags"], answer["errorsWhileComputingFlags"], key) == ({}, False, "alm_k")
    assert document(path)[1] is None


# --- Segment and Rudder ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "type_"), [("/v1/identify", None), ("/v1/i", "identify"), ("/v1/batch", "identify")])
def test_traits_that_stand_in_the_context_alone_are_traits(path: str, type_: str | None) -> None:
    def sent(**fields: Any) -> dict[str, Any]:
        message = {"type": type_, "userId": "u1", **fields}
        return only(path, {"batch": [message]} if path == "/v1/batch" else message)

    assert sent(context={"traits": {"plan": "gold"}})["traits"] == {"plan": "gold"}
    assert sent(context={"traits": {"plan": "gold"}}, traits={"plan": "own"})["traits"] == {"plan": "own"}
    for context in ({"traits": "gold"}, {"traits": {}}, {}, None):
        assert "traits" not in sent(context=context)
    track = only("/v1/track", {"event": "identify", "context": {"traits": {"plan": "gold"}}})
    assert "traits" not in track


# --- Jitsu -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/s/page", "/api/s/s2s/page"])
def test_jitsu_names_the_type_in_the_address_and_its_masked_key_does_not_count(path: str) -> None:
    found = events(path, {"type": "page", "userId": "u1", "writeKey": "id:***", "properties": {"name": "p"}})
    assert (found.type, found.write_key, found.is_batch) == ("page", None, False)


def test_jitsu_is_told_when_the_address_names_no_type() -> None:
    with pytest.raises(Problem) as caught:
        read("/api/s/trakk", {})
    assert (caught.value.status, caught.value.code) == (404, "not_found")
    assert match("/api/s/s2s/track/x") is None


@pytest.mark.parametrize(("given", "key"), [("alm_k", "alm_k"), ("id:alm_k", "alm_k"), ("id:***", "***"), (None, None)])
def test_jitsu_takes_a_batch_whose_events_name_their_types(given: str | None, key: str | None) -> None:
    batch = [{"type": "track", "event": "Signed Up", "userId": "u1"}, {"type": "page", "anonymousId": "a1"}]
    body = {"batch": batch, "sentAt": AT, "context": {"locale": "de"}} | ({"writeKey": given} if given else {})
    found = events("/api/s/s2s/batch", body)
    assert (found.is_batch, found.type, found.sent_at, found.write_key) == (True, None, AT, key)
    assert [item.value for item in found.items] == batch
    quick = match("/api/s/s2s/batch").routes["POST"].quick  # type: ignore[union-attr]
    del body["context"]
    unread = quick(Request("POST", "/api/s/s2s/batch", json.dumps(body).encode()))  # type: ignore[misc]
    assert unread is not None
    assert (unread.count, unread.is_batch, unread.sent_at, unread.write_key) == (2, True, AT, key)


def test_a_batch_of_jitsu_without_events_is_told_so() -> None:
    for body, code in (({"batch": []}, "empty_batch"), ({"type": "track"}, "invalid_batch")):
        with pytest.raises(Problem) as caught:
            read("/api/s/s2s/batch", body)
        assert (caught.value.status, caught.value.code) == (400, code)


# --- PostHog ---------------------------------------------------------------------------------------------------------

POSTHOG = {
    "api_key": "alm_k",
    "sent_at": AT,
    "batch": [
        {
            "event": "Listing Viewed",
            "properties": {"a": 1, "$lib": "posthog-node", "$lib_version": "5", "$os": "Linux", "$is_server": True},
            "timestamp": AT,
            "uuid": UUID,
            "distinct_id": "u1",
        },
        {"event": "$identify", "properties": {"$set": {"email": "x"}, "$set_once": {"n": 1}}, "distinct_id": "u1"},
        {"event": "$set", "$set": {"email": "y"}, "properties": {}, "distinct_id": "u1"},
        {"event": "$create_alias", "properties": {"distinct_id": "u1", "alias": "a1"}, "distinct_id": "u1"},
        {
            "event": "$groupidentify",
            "properties": {"$group_type": "company", "$group_key": "c1", "$group_set": {"n": 1}},
            "distinct_id": "u1",
        },
    ],
}


def test_a_batch_of_posthog_becomes_segments_messages() -> None:
    found = events("/batch/", POSTHOG)
    assert (found.is_batch, found.sent_at, found.write_key) == (True, AT, "alm_k")
    older = {name: value for name, value in POSTHOG.items() if name != "sent_at"}
    assert events("/batch/", older | {"sentAt": AT}).sent_at == AT
    track, identify, set_, alias, group = [item.value for item in found.items]
    assert track == {
        "messageId": UUID,
        "timestamp": AT,
        "userId": "u1",
        "context": {"library": {"name": "posthog-node", "version": "5"}},
        "type": "track",
        "event": "Listing Viewed",
        "properties": POSTHOG["batch"][0]["properties"],
    }
    assert (identify["type"], identify["traits"]) == ("identify", {"email": "x", "n": 1})
    assert (set_["type"], set_["traits"], set_["userId"]) == ("identify", {"email": "y"}, "u1")
    assert (alias["type"], alias["userId"], alias["previousId"]) == ("alias", "u1", "a1")
    assert (group["type"], group["groupId"], group["traits"]) == ("group", "c1", {"n": 1, "group_type": "company"})


BROWSER = {
    "event": "$pageview",
    "uuid": UUID,
    "timestamp": AT,
    "properties": {
        "token": "alm_k",
        "distinct_id": "d1",
        "$device_id": "d1",
        "$session_id": "s1",
        "$current_url": "https://x.example/a",
        "$pathname": "/a",
        "$referrer": "$direct",
        "title": "A",
        "$device_type": "Mobile",
        "$os": "iOS",
        "$browser": "Mobile Safari",
        "$browser_version": 18,
        "utm_source": "newsletter",
        "$raw_user_agent": "Mozilla/5.0",
        "$ip": "10.0.0.1",
    },
}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(BROWSER).encode(),
        gzip.compress(json.dumps(BROWSER).encode()),
        b"data=" + quote(base64.b64encode(json.dumps(BROWSER).encode())).encode(),
    ],
    ids=["plain", "gzip-js", "base64"],
)
def test_a_browsers_page_view_says_who_where_and_on_what(body: bytes) -> None:
    found = events("/e/", body, query="compression=gzip-js&ver=1")
    assert (found.is_batch, found.write_key) == (False, "alm_k")
    message = found.items[0].value
    assert (message["type"], message["name"], message["anonymousId"], message["sessionId"]) == ("page", "A", "d1", "s1")
    assert "userId" not in message
    assert message["context"] == {
        "page": {"url": "https://x.example/a", "path": "/a", "title": "A"},
        "campaign": {"source": "newsletter"},
        "userAgent": "Mozilla/5.0",
        "ip": "10.0.0.1",
        "device": {"type": "mobile"},
        "os": {"name": "iOS"},
        "browser": {"name": "Mobile Safari", "version": 18},
    }
    assert not {"token", "$ip"} & set(message["properties"])


@pytest.mark.parametrize("body", [b"data=%7B", b"data=eA==", b"event=x", b"{'a':1}"])
def test_a_form_that_holds_no_events_of_posthog_is_of_a_type_that_is_taken(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read("/e/", body, {"content-type": "application/x-www-form-urlencoded"})
    assert (caught.value.status, caught.value.code[:8]) == (400, "invalid_")


def test_an_identified_browser_names_user_and_device() -> None:
    event = {"event": "x", "distinct_id": "u1", "properties": {"$anon_distinct_id": "d1", "$device_id": "d0"}}
    message = only("/i/v0/e/", event)
    assert (message["userId"], message["anonymousId"]) == ("u1", "d1")
    screen = only("/capture/", {"event": "$screen", "distinct_id": "u", "properties": {"$screen_name": "Home"}})
    assert (screen["type"], screen["name"]) == ("screen", "Home")


def test_posthogs_list_of_events_is_a_batch_and_odd_ones_are_left_to_the_door() -> None:
    found = events("/e/", [BROWSER, 3, {"event": 7, "properties": "x", "distinct_id": "u"}])
    assert (found.is_batch, found.write_key, len(found.items)) == (True, "alm_k", 3)
    assert found.items[1].value == 3
    assert found.items[2].value == {"userId": "u", "type": "track", "event": 7, "properties": "x"}


# --- all of them -----------------------------------------------------------------------------------------------------

TAKING = ["/batch", "/e", "/cloudevents", "/api/analytics/track", "/api/s/track", "/v1/t", "/v1/batch"]


@pytest.mark.parametrize("path", TAKING)
@given(body=st.binary(max_size=80) | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_breaks_a_reader(path: str, body: bytes) -> None:
    found = attempt(path, body)
    if isinstance(found, Problem):
        assert found.status in (400, 413, 415)
    else:
        assert isinstance(found, Found)
        assert 1 <= len(found.items) <= MAX_EVENTS


def attempt(path: str, body: bytes) -> Found | Document | Problem:
    try:
        return read(path, body)
    except Problem as problem:
        return problem


@pytest.mark.parametrize("path", ["/batch", "/e", "/cloudevents"])
def test_bottomless_events_are_refused(path: str) -> None:
    for body in (b'{"event":' + b"[" * 5000 + b"]" * 5000 + b"}", b"[" * 100_000 + b"]" * 100_000):
        refused = attempt(path, body)
        assert isinstance(refused, Problem)
        assert refused.code == "too_deep"


@pytest.mark.parametrize("path", ["/batch", "/cloudevents"])
def test_a_batch_has_a_size(path: str) -> None:
    for events_, code in (([], "empty_batch"), ([{}] * (MAX_EVENTS + 1), "too_many_events")):
        with pytest.raises(Problem) as caught:
            read(path, events_)
        assert caught.value.code == code
