"""CloudEvents 1.0 over HTTP: one event in headers and body (binary), one as JSON (structured), or a list (batch).

`id` becomes the message id, `type` the event, `subject` the user, `time` the time, `data` the properties; what is left
stands in the context under `cloudevent`.
"""

import base64
import binascii
import hashlib
import re
from typing import Any
from urllib.parse import unquote

from ingestion.collector.dialects.bodies import (
    content,
    filled,
    item_of,
    items_of,
    json_value,
    not_an_object,
    refuse_size,
    text,
)
from ingestion.collector.dialects.interface import Found, Item, Request, Route
from ingestion.collector.limits import MAX_MESSAGE_ID
from ingestion.collector.messages import Unreadable, kind_of, read, read_odd, refuse_body, write
from ingestion.collector.problems import Problem

_BATCH = b"application/cloudevents-batch+json"
_STRUCTURED = b"application/cloudevents+json"
_REQUIRED = ("specversion", "id", "source", "type")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
# Attributes with a place in the message; all others are kept in its context.
_PLACED = frozenset({"id", "type", "time", "subject", "data", "data_base64", "userid", "anonymousid"})
INVALID = "invalid_cloudevent"


def read_events(request: Request) -> Found:
    """The events of a request in any of the three modes. Raises Problem where none can be told apart."""
    media = _media(request.content_type)
    if b"ce-specversion" in request.headers and media not in (_STRUCTURED, _BATCH):
        event = _binary(request, media)
        return Found(items_of([event], _item, request.body, request.content_type))
    body = content(request)
    value = json_value(body, request.content_type)
    if media == _BATCH or isinstance(value, list):
        if not isinstance(value, list):
            message = f"A batch of CloudEvents is a list, but the body is of type {kind_of(value)}."
            raise Problem(400, "invalid_batch", message, excerpt=body)
        refuse_size(len(value))
        return Found(items_of(value, _item, body, request.content_type), is_batch=True)
    if not isinstance(value, dict):
        raise not_an_object(value, body)
    return Found(items_of([value], _item, body, request.content_type))


def _item(event: Any) -> Item:
    """A CloudEvent as a message. One that breaks the standard is kept as it came, with the reason."""
    if not isinstance(event, dict):
        return item_of(event)
    missing = [name for name in _REQUIRED if text(event.get(name)) is None]
    if missing:
        fault = Unreadable(INVALID, f"a CloudEvent needs {', '.join(missing)} as text")
    elif event["specversion"] != "1.0":
        shown = repr(event["specversion"][:20])
        fault = Unreadable(INVALID, f"specversion {shown} is not supported; send 1.0")
    else:
        try:
            data = _data_in_base64(event)
        except Unreadable as error:
            return Item(write(event), event, error)
        return item_of(_message(event | data))
    return Item(write(event), event, fault)


def _data_in_base64(event: dict[str, Any]) -> dict[str, Any]:
    """What stands in `data_base64`, read as binary mode reads a body. Raises Unreadable."""
    given = event.get("data_base64")
    if given is None or given == "":
        return {}
    if event.get("data") is not None:
        raise Unreadable(INVALID, "data and data_base64 stand in one CloudEvent: send one of them")
    try:
        body = base64.b64decode(given, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise Unreadable(INVALID, "data_base64 is not Base64") from None
    media = (text(event.get("datacontenttype")) or "").encode("utf-8", "replace")
    try:
        return {"data_base64": None, **_data(body, _media(media))}
    except Unreadable as error:
        raise Unreadable(
            INVALID, f"data_base64 holds no JSON, as datacontenttype says or leaves open: {error}"
        ) from None


def _data(body: bytes, media: bytes) -> dict[str, Any]:
    """Bytes as `data`, or as `data_base64` where nobody can read them. Raises Unreadable for JSON that is none."""
    if media in (b"", b"application/json") or media.endswith(b"+json"):
        return {"data": read_odd(body)}
    if media.startswith(b"text/"):
        return {"data": body.decode("utf-8", "replace")}
    # Some libraries send JSON without its content type being one of JSON.
    try:
        return {"data": read(body)}
    except Unreadable:
        return {"data_base64": base64.b64encode(body).decode()}


def _media(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()


def _message(event: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in event.items() if name not in _PLACED}
    return filled(
        type="track",
        messageId=_message_id(event["source"], event["id"]),
        event=event["type"],
        userId=text(event.get("userid")) or event.get("subject"),
        anonymousId=event.get("anonymousid"),
        timestamp=event.get("time"),
        properties=_properties(event),
        context={"cloudevent": rest},
    )


def _message_id(source: str, id_: str) -> str:
    """An id is unique within its source only; alone it is enough where it is a UUID."""
    if _UUID.fullmatch(id_):
        return id_
    both = f"{source}#{id_}"
    return both if len(both) <= MAX_MESSAGE_ID else hashlib.sha256(both.encode("utf-8", "replace")).hexdigest()


def _properties(event: dict[str, Any]) -> dict[str, Any] | None:
    data = event.get("data")
    if isinstance(data, dict):
        return data
    return filled(data=data, data_base64=event.get("data_base64"))


def _binary(request: Request, media: bytes) -> dict[str, Any]:
    event: dict[str, Any] = {
        name[3:].decode("latin-1"): unquote(_unquoted(value.decode("latin-1")))
        for name, value in request.headers.items()
        if name.startswith(b"ce-")
    }
    if request.content_type:
        event["datacontenttype"] = request.content_type.decode("latin-1")
    if not request.body:
        return event
    try:
        return event | _data(request.body, media)
    except Unreadable as error:
        raise refuse_body(error, request.body, request.content_type) from None


def _unquoted(value: str) -> str:
    """A header's value; what stands in double quotes is what they hold (RFC 7230, 3.2.6)."""
    quoted = _QUOTED.fullmatch(value)
    return value if quoted is None else _ESCAPED.sub(r"\1", quoted[1])


ROUTES = {("POST", "/cloudevents"): Route(read_events)}
