"""The dialects of the client libraries: which address means what, and how events lie in a request.

Belongs here: one file per dialect, which turns requests into the one form that the door judges (`Found`). Does not
belong here: whose key it is (`auth`), how much is allowed (`limits`), what an event may hold (`door`).

A new dialect is a file with `ROUTES` and a line in the table below. A path may hold named parts: `/v1/{name}/x`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ingestion.collector.dialects import cloudevents, jitsu, posthog, rudder, segment, segment_settings, track
from ingestion.collector.dialects.interface import Document, Found, Item, Reader, Request, Route, Unread

__all__ = ["Document", "Found", "Item", "Match", "Reader", "Request", "Route", "Unread", "match", "methods_at"]

_DIALECTS = (segment, segment_settings, track, rudder, jitsu, posthog, cloudevents)


class Match(NamedTuple):
    """What is found at an address: the routes by method, and the named parts of the path."""

    routes: Mapping[str, Route]
    parameters: Mapping[str, str]


def _table() -> tuple[dict[str, Match], list[tuple[list[str], dict[str, Route]]]]:
    """The routes: those with a fixed path by that path, the others with their path in parts."""
    table: dict[str, dict[str, Route]] = {}
    for dialect in _DIALECTS:
        for (method, path), route in dialect.ROUTES.items():
            if table.setdefault(path, {}).setdefault(method, route) is not route:
                raise AssertionError(f"two dialects claim {method} {path}")
    fixed = {path: Match(routes, {}) for path, routes in table.items() if "{" not in path}
    open_ = [(path.split("/"), routes) for path, routes in table.items() if "{" in path]
    return fixed, open_


_FIXED, _OPEN = _table()


def match(path: str) -> Match | None:
    """What is at a path (with or without a slash at its end), or None."""
    found = _FIXED.get(path) or _FIXED.get(path := path.rstrip("/"))
    if found is not None:
        return found
    parts = path.split("/")
    for pattern, routes in _OPEN:
        parameters = _parameters(pattern, parts)
        if parameters is not None:
            return Match(routes, parameters)
    return None


def methods_at(found: Match) -> str:
    """The methods that an address takes, as its `Allow` header says them."""
    return ", ".join([*sorted(found.routes), "OPTIONS"])


def _parameters(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    parameters: dict[str, str] = {}
    for name, part in zip(pattern, parts, strict=True):
        if name.startswith("{"):
            if not part:
                return None
            parameters[name[1:-1]] = part
        elif name != part:
            return None
    return parameters
