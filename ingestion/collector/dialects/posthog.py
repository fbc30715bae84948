"""PostHog's libraries: batches and single events with the key in the body, and the questions they ask about flags."""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs

from ingestion.collector.dialects.bodies import (
    content,
    first,
    items_of,
    json_value,
    list_in,
    not_an_object,
    refuse_size,
    text,
)
from ingestion.collector.dialects.interface import Document, Found, Request, Route
from ingestion.collector.dialects.posthog_events import item_of_event
from ingestion.collector.limits import MAX_EVENTS, inflate
from ingestion.collector.messages import write
from ingestion.collector.problems import Problem

_GZIP = b"\x1f\x8b"
_FORM = b"application/x-www-form-urlencoded"
# Without flags, and saying so: an application that asks gets its own defaults.
_NO_FLAGS = write(
    {
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
        "config": {"enable_collect_everything": False},
        "toolbarParams": {},
        "isAuthenticated": False,
        "supportedCompression": ["gzip", "gzip-js"],
        "sessionRecording": False,
        "surveys": False,
        "siteApps": [],
        "capturePerformance": False,
        "autocapture_opt_out": True,
    }
)


def read_capture(request: Request) -> Found:
    """The events of a request: `batch`, a list, or one event. Raises Problem where none can be told apart."""
    body, content_type = _uncompressed(request), _content_type(request)
    value = json_value(body, content_type)
    if isinstance(value, list):
        events, is_batch, beside = value[: MAX_EVENTS + 1], True, {}
        key = next((_key(event) for event in events if isinstance(event, dict)), None)
    elif isinstance(value, dict):
        is_batch, key, beside = "batch" in value, _key(value), value
        events = list_in(value, "batch", body) if is_batch else [value]
    else:
        raise not_an_object(value, body)
    refuse_size(len(events))
    items = items_of(events, item_of_event, body, content_type)
    # The library for Python called it as Segment's does for years.
    return Found(items, is_batch=is_batch, sent_at=first(beside, "sent_at", "sentAt"), write_key=key)


def read_flags(request: Request) -> Document:
    """No flags. A key that comes with the question must be valid, so that a wrong one is noticed at once."""
    body = _uncompressed(request) if request.body else b"{}"
    value = json_value(body, _content_type(request))
    return Document(_NO_FLAGS, write_key=_key(value) if isinstance(value, dict) else None)


def _key(value: dict[str, Any]) -> str | None:
    properties = value.get("properties")
    inner = properties.get("token") if isinstance(properties, dict) else None
    return text(value.get("api_key")) or text(value.get("token")) or text(inner)


def _content_type(request: Request) -> bytes:
    """The client's word for the body; nothing where it is a form, which may hold JSON here."""
    return b"" if request.content_type.lower().startswith(_FORM) else request.content_type


def _uncompressed(request: Request) -> bytes:
    """The body as JSON. The browser library names its compression in the address, and not in a header."""
    if request.body.startswith(_GZIP):
        return inflate(request.body, b"gzip")
    body = content(request)
    if not body.startswith(b"data="):
        return body
    form = parse_qs(body.decode("latin-1"), max_num_fields=10)
    data = form.get("data", [""])[0]
    try:
        return base64.b64decode(data.replace(" ", "+"), validate=True)
    except binascii.Error:
        raise Problem(400, "invalid_compression", "data of the form is not valid base64.", excerpt=body) from None


_CAPTURE = ("/batch", "/capture", "/e", "/i/v0/e")

ROUTES = {
    **{("POST", path): Route(read_capture) for path in _CAPTURE},
    **{("POST", path): Route(read_flags, takes_events=False) for path in ("/flags", "/decide")},
}
