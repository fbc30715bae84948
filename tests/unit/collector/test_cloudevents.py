"""CloudEvents in their three modes become the one form that the door judges."""

import base64
import json
from typing import Any

import pytest

from tests.dialect_requests import events, only

UUID = "01a216f8-d086-7d0a-842b-59159bda1734"
AT = "2026-11-26T08:28:54.790Z"
CLOUD = {
    "specversion": "1.0",
    "id": UUID,
    "source": "/app",
    "type": "booking.confirmed",
    "subject": "u1",
    "time": AT,
    "data": {"a": 1},
}
MESSAGE = {
    "type": "track",
    "messageId": UUID,
    "event": "booking.confirmed",
    "userId": "u1",
    "timestamp": AT,
    "properties": {"a": 1},
    "context": {"cloudevent": {"specversion": "1.0", "source": "/app"}},
}
BINARY = {"content-type": "application/json"} | {
    f"ce-{name}": value for name, value in CLOUD.items() if isinstance(value, str)
}


def test_the_three_modes_of_cloudevents_give_the_same_message() -> None:
    structured = {"content-type": "application/cloudevents+json; charset=utf-8"}
    assert only("/cloudevents", CLOUD, structured) == MESSAGE
    batch = events("/cloudevents", [CLOUD, CLOUD], {"content-type": "application/cloudevents-batch+json"})
    assert batch.is_batch
    assert [item.value for item in batch.items] == [MESSAGE, MESSAGE]
    binary = only("/cloudevents", {"a": 1}, BINARY)
    assert binary["context"]["cloudevent"].pop("datacontenttype") == "application/json"
    assert binary == MESSAGE


def test_headers_of_a_binary_cloudevent_are_decoded_and_its_data_may_be_anything() -> None:
    headers = BINARY | {"ce-subject": "J%C3%BCrgen", "content-type": "text/plain"}
    message = only("/cloudevents", b"hello", headers)
    assert (message["userId"], message["properties"]) == ("Jürgen", {"data": "hello"})
    assert only("/cloudevents", b"\xff\x00", BINARY | {"content-type": "image/png"})["properties"] == {
        "data_base64": "/wA="
    }
    without_type = {name: value for name, value in BINARY.items() if name != "content-type"}
    assert only("/cloudevents", b'{"a": 1}', without_type)["properties"] == {"a": 1}
    assert "properties" not in only("/cloudevents", b"", BINARY)


@pytest.mark.parametrize(
    ("header", "user"),
    [('"J%C3%BCrgen"', "Jürgen"), (r'"a \"b\" \\c"', r'a "b" \c'), ('"', '"'), ('5"', '5"'), ('""', None)],
)
def test_a_quoted_header_of_a_binary_cloudevent_is_what_the_quotes_hold(header: str, user: str | None) -> None:
    assert only("/cloudevents", {"a": 1}, BINARY | {"ce-subject": header}).get("userId") == user


def test_an_id_that_is_no_uuid_is_unique_within_its_source_only() -> None:
    assert only("/cloudevents", CLOUD | {"id": "7"})["messageId"] == "/app#7"
    long = only("/cloudevents", CLOUD | {"id": "7", "source": "/" + "x" * 100})["messageId"]
    assert len(long) == 64
    assert long != only("/cloudevents", CLOUD | {"id": "8", "source": "/" + "x" * 100})["messageId"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": ""}, "needs id as text"),
        ({"type": None, "source": 3}, "needs source, type as text"),
        ({"specversion": "0.3"}, "specversion '0.3' is not supported"),
        ({"data_base64": "e30="}, "data and data_base64 stand in one CloudEvent: send one of them"),
        ({"data": "", "data_base64": "e30="}, "data and data_base64 stand in one CloudEvent"),
        ({"data": 0, "data_base64": 7}, "data and data_base64 stand in one CloudEvent"),
    ],
)
def test_a_broken_cloudevent_is_kept_with_its_reason_and_its_neighbours_are_unharmed(
    change: dict[str, Any], says: str
) -> None:
    found = events("/cloudevents", [CLOUD | change, CLOUD], {"content-type": "application/cloudevents-batch+json"})
    broken, fit = found.items
    assert broken.fault is not None
    assert (broken.fault.code, json.loads(broken.raw)) == ("invalid_cloudevent", CLOUD | change)
    assert says in str(broken.fault)
    assert fit.value == MESSAGE


@pytest.mark.parametrize(
    ("content_type", "body", "properties"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        (None, b'{"a": 1}', {"a": 1}),
        ("application/vnd.shop+json; charset=utf-8", b'{"a": 1}', {"a": 1}),
        ("application/octet-stream", b'{"a": 1}', {"a": 1}),
        ("application/json", b"[1]", {"data": [1]}),
        ("text/plain", b"hello", {"data": "hello"}),
        ("image/png", b"\xff\x00", {"data_base64": "/wA="}),
    ],
)
def test_data_in_base64_is_read_as_the_body_of_a_binary_cloudevent(
    content_type: str | None, body: bytes, properties: dict[str, Any]
) -> None:
    event = {name: value for name, value in CLOUD.items() if name != "data"}
    event["data_base64"] = base64.b64encode(body).decode()
    named = {"content-type": content_type} if content_type else {}
    event |= {"datacontenttype": content_type} if content_type else {}
    binary = {name: value for name, value in BINARY.items() if name != "content-type"} | named
    batch = {"content-type": "application/cloudevents-batch+json"}
    structured = {"content-type": "application/cloudevents+json"}
    messages = [
        only("/cloudevents", event, structured),
        only("/cloudevents", [event], batch),
        only("/cloudevents", body, binary),
    ]
    assert [message["properties"] for message in messages] == [properties] * 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data_base64": "e30"}, "data_base64 is not Base64"),
        ({"data_base64": 7}, "data_base64 is not Base64"),
        ({"data_base64": "ä"}, "data_base64 is not Base64"),
        ({"data_base64": "/wA="}, "data_base64 holds no JSON"),
        ({"data_base64": "/wA=", "datacontenttype": "application/json"}, "data_base64 holds no JSON"),
    ],
)
def test_data_in_base64_that_cannot_be_read_is_named(change: dict[str, Any], says: str) -> None:
    event = CLOUD | {"data": None} | change
    broken, fit = events("/cloudevents", [event, CLOUD]).items
    assert broken.fault is not None
    assert (broken.fault.code, json.loads(broken.raw), fit.value) == ("invalid_cloudevent", event, MESSAGE)
    assert says in str(broken.fault)


@pytest.mark.parametrize("nothing", [None, ""])
def test_data_in_base64_that_is_empty_is_none(nothing: Any) -> None:
    assert only("/cloudevents", CLOUD | {"data_base64": nothing}) == MESSAGE


def test_extensions_can_name_user_and_visitor() -> None:
    message = only("/cloudevents", CLOUD | {"userid": "u2", "anonymousid": "a2", "traceid": "t"})
    assert (message["userId"], message["anonymousId"]) == ("u2", "a2")
    assert message["context"]["cloudevent"]["traceid"] == "t"
