"""Requests in the collector's dialects, read by the readers of their addresses."""

import json
from typing import Any

from ingestion.collector.dialects import Document, Found, Request, match


def read(
    path: str, body: Any = None, headers: dict[str, str] | None = None, *, method: str = "POST", query: str = ""
) -> Found | Document:
    """What the reader of an address makes of a request. Raises Problem."""
    found = match(path)
    assert found is not None, path
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.lower().encode(): value.encode() for name, value in (headers or {}).items()}
    return found.routes[method].reader(Request(method, path, raw, named, found.parameters, query.encode()))


def events(path: str, body: Any, headers: dict[str, str] | None = None, **more: str) -> Found:
    """The events of a request."""
    found = read(path, body, headers, **more)
    assert isinstance(found, Found)
    for item in found.items:
        assert item.value is None or item.fault or json.loads(item.raw) == item.value
    return found


def only(path: str, body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The message of a request that holds one event."""
    (item,) = events(path, body, headers).items
    assert item.fault is None
    value: dict[str, Any] = item.value
    return value
