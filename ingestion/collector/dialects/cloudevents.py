"""CloudEvents 1.0 over HTTP: one event in headers and body (binary), one as JSON (structured), or a list (batch).

`id` becomes the message id, `type` the event, `subject` the user, `time` the time, `data` the properties; what is left
stands in the context under `cloudevent`.
"""

import base64
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
from ingestion.collector.messages import Unreadable, kind_of, read, write
from ingestion.collector.problems import Problem

_BATCH = b"application/cloudevents-batch+json"
_STRUCTURED = b"application/cloudevents+json"
_REQUIRED = ("specversion", "id", "source", "type")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
# Attributes with a place in the message; all others are kept in its context.
_PLACED = frozenset({"id", "type", "time", "subject", "data", "data_base64", "userid", "anonymousid"})
INVALID = "invalid_cloudevent"


def read_events(request: Request) -> Found:
    """The events of a request in any of the three modes. Raises Problem where none can be told apart."""
    media = request.content_type.partition(b";")[0].strip().lower()
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
        return item_of(_message(event))
    return Item(write(event), event, fault)


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
        name[3:].decode("latin-1"): unquote(value.decode("latin-1"))
        for name, value in request.headers.items()
        if name.startswith(b"ce-")
    }
    if request.content_type:
        event["datacontenttype"] = request.content_type.decode("latin-1")
    if not request.body:
        return event
    if media in (b"", b"application/json") or media.endswith(b"+json"):
        event["data"] = json_value(request.body, request.content_type)
    elif media.startswith(b"text/"):
        event["data"] = request.body.decode("utf-8", "replace")
    else:
        # Some libraries send JSON without its content type being one of JSON.
        try:
            event["data"] = read(request.body)
        except Unreadable:
            event["data_base64"] = base64.b64encode(request.body).decode()
    return event


ROUTES = {("POST", "/cloudevents"): Route(read_events)}
