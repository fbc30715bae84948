"""From a body to its events: odd JSON does not take its neighbours along, bodies without events are refused."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.collector.dialects import Found, Request, segment, track
from ingestion.collector.limits import MAX_EVENTS
from ingestion.collector.messages import deeper_than, read, read_odd, redact, write
from ingestion.collector.problems import Problem

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def request(body: bytes, content_type: bytes = b"") -> Request:
    return Request("POST", "/v1/batch", body, {b"content-type": content_type})


def read_single(body: bytes, content_type: bytes = b"", type_: str | None = None) -> Found:
    return segment.read_single(request(body, content_type), type_)


def read_batch(body: bytes, content_type: bytes = b"") -> Found:
    return segment.read_batch(request(body, content_type))


def read_track(body: bytes, content_type: bytes = b"") -> Found:
    return track.read_track(request(body, content_type))


def faults(found: Found) -> list[str | None]:
    return [item.fault.code if item.fault else None for item in found.items]


@given(json_values)
def test_what_is_written_is_read_again_with_nan_and_lone_surrogates(value: Any) -> None:
    raw = write(value)
    assert repr(read_odd(raw)) == repr(value)  # repr: nan is not equal to itself


def test_a_single_message_keeps_its_bytes() -> None:
    body = b' {"event": "x",  "userId":"u"} '
    found = read_single(body, b"", "track")
    assert found.items[0].raw == body
    assert found.items[0].value == {"event": "x", "userId": "u"}
    assert (found.is_batch, found.type) == (False, "track")


def test_a_batch_keeps_the_bytes_of_every_event() -> None:
    body = (
        b'{"sentAt":"2026-01-01T00:00:00Z","batch":[ {"event" : "x"}, 3 ,{"a":1e0}],"context":{"a":1},"writeKey":"k"}'
    )
    found = read_batch(body, b"")
    assert [item.raw for item in found.items] == [b'{"event" : "x"}', b"3", b'{"a":1e0}']
    assert (found.sent_at, found.context, found.write_key) == ("2026-01-01T00:00:00Z", {"a": 1}, "k")


@pytest.mark.parametrize(
    ("odd", "fault"),
    [
        (b'{"a":NaN}', "invalid_json_number"),
        (b'{"a":[-Infinity]}', "invalid_json_number"),
        (b'{"a":1e999}', "invalid_json_number"),
        (b'{"a":"\\ud800"}', None),
        (b'{"a":123456789012345678901234567890}', None),
        (b'{"a":"\\u0000"}', None),
        (b'{"a":1,"a":2}', None),
        (b'{"a":"\xff"}', "invalid_encoding"),
        (b"null", None),
    ],
)
def test_one_odd_event_does_not_take_its_batch_along(odd: bytes, fault: str | None) -> None:
    found = read_batch(b'{"batch":[{"event":"x"},' + odd + b',{"event":"y"}],"writeKey":"k"}', b"")
    assert faults(found) == [None, fault, None]
    assert [item.value for item in found.items[::2]] == [{"event": "x"}, {"event": "y"}]
    assert found.write_key == "k"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_single(b'\xef\xbb\xbf{"event":"x"}', b"", "track").items[0].value == {"event": "x"}
    assert len(read_batch(b'\xef\xbb\xbf{"batch":[{}]}', b"").items) == 1


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"", "empty_body", "Send a JSON object"),
        (b" \n", "empty_body", "Send a JSON object"),
        (b'{"a":1,}', "invalid_json", "line 1 column 8"),
        (b"{'a':1}", "invalid_json", "line 1 column 2"),
        (b"{} {}", "invalid_json", "Extra data"),
        (b"null", "not_an_object", "got null"),
        (b"[]", "not_an_object", "got array"),
        (b'"x"', "not_an_object", "got string"),
        (b"true", "not_an_object", "got boolean"),
        (b"17", "not_an_object", "got number"),
        (b'{"a":"\xff"}', "invalid_encoding", "not valid UTF-8 at byte 6"),
        ('{"a":1}'.encode("utf-16"), "invalid_encoding", "not valid UTF-8 at byte 0"),
        (b"[" * 5000 + b"]" * 5000, "too_deep", "levels"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "too_deep", "levels"),
        (b'{"a":' + b"9" * 5000 + b"}", "invalid_json_number", "thousands of digits"),
    ],
)
@pytest.mark.parametrize("path", ["single", "batch", "track"])
def test_a_body_without_events_is_refused_with_the_place(body: bytes, code: str, says: str, path: str) -> None:
    reader = {"single": lambda b, t: read_single(b, t, "page"), "batch": read_batch, "track": read_track}[path]
    with pytest.raises(Problem) as caught:
        reader(body, b"application/json")
    assert (caught.value.status, caught.value.code) == (400, code)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"batch":[]}', "empty_batch"),
        (b'{"batch":{}}', "invalid_batch"),
        (b'{"batch":null}', "invalid_batch"),
        (b'{"batch":"x"}', "invalid_batch"),
        (b"{}", "invalid_batch"),
        (b'{"batch":[{}],"context":{"a":NaN}}', "invalid_json_number"),
        (b'{"batch":[{}],"context":{"a":1e999}}', "invalid_json_number"),
        (b'{"batch":[{}],"context":{"a":"\xff"}}', "invalid_encoding"),
        (b'{"batch":[{}],"context":' + b"[" * 40 + b"]" * 40 + b"}", "too_deep"),
        (b'{"batch":[{}],"sentAt":' + b"[" * 900 + b"]" * 900 + b"}", "too_deep"),
        (json.dumps({"batch": [{}] * (MAX_EVENTS + 1)}).encode(), "too_many_events"),
    ],
)
def test_a_batch_that_is_none_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Problem) as caught:
        read_batch(body, b"")
    assert (caught.value.status, caught.value.code) == (400, code)


def test_as_many_events_as_allowed_are_taken() -> None:
    assert len(read_batch(json.dumps({"batch": [{}] * MAX_EVENTS}).encode(), b"").items) == MAX_EVENTS


@pytest.mark.parametrize(
    "media", [b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/json; charset=x"]
)
def test_json_is_taken_under_any_type_that_real_clients_send(media: bytes) -> None:
    assert read_single(b"{}", media, "track").items
    for body in (b"{'a':1}", b' [{"a":1},'):  # JSON with a mistake: where it is says more than its type
        with pytest.raises(Problem) as caught:
            read_single(body, media, "track")
        assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("media", "body"),
    [
        (b"application/xml", b"<a/>"),
        (b"application/x-www-form-urlencoded", b"event=Signed+Up&userId=u1"),
        (b"application/x-www-form-urlencoded; charset=utf-8", b"data=e30="),
        (b"text/plain", b"hello"),
        (b"application/octet-stream", b"\x16\x03"),
    ],
)
def test_something_else_under_its_own_type_is_told_so(media: bytes, body: bytes) -> None:
    assert read_single(b"{}", media, "track").items
    for reader in (partial(read_single, type_="track"), read_batch):
        with pytest.raises(Problem) as caught:
            reader(body, media)
        assert (caught.value.status, caught.value.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media", [b"", b"application/json", b"application/cloudevents+json"])
def test_what_is_called_json_and_is_none_is_told_where(media: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read_single(b"a=1", media, "track")
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("body", "is_batch"),
    [
        (b'{"event":"x"}', False),
        (b'{"event":"batch"}', False),
        (b'{"properties":{"batch":[1]}}', False),
        (b'{"batch":[{}]}', True),
        (b'{"batch":[{"a":NaN}]}', True),
    ],
)
def test_one_address_takes_messages_and_batches(body: bytes, is_batch: bool) -> None:
    assert read_track(body, b"").is_batch is is_batch


@given(st.binary(max_size=200) | json_values.map(lambda value: write({"batch": value})))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    for reader in (read_batch, read_track, lambda b, t: read_single(b, t, "track")):
        outcome = attempt(reader, body)
        if isinstance(outcome, Found):
            assert 1 <= len(outcome.items) <= MAX_EVENTS
        else:
            assert outcome.status in (400, 413, 415)
            assert json.loads(outcome.body())["code"] == outcome.code


def attempt(reader: Callable[[bytes, bytes], Found], body: bytes) -> Found | Problem:
    try:
        return reader(body, b"")
    except Problem as problem:
        return problem


def test_depth_is_counted_in_objects_and_lists() -> None:
    assert not deeper_than({"a": [{"b": 1}]}, 3)
    assert deeper_than({"a": [{"b": 1}]}, 2)
    assert not deeper_than("x", 0)


def test_secrets_are_removed_from_bytes() -> None:
    raw = b'{"writeKey" : "alm_' + b"x" * 43 + b'","ip":"10.0.0.1", "a":"alm_' + b"y" * 43 + b'"'
    assert redact(raw) == b'{"writeKey" : "[removed]","ip":"[removed]", "a":"[removed]"'


def test_reading_refuses_numbers_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        read(b"[1e999]")
