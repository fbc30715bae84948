"""Jitsu's libraries: Segment's messages, each to the address of its type, with the key in a header of its own."""

from dataclasses import replace

from ingestion.collector.auth import key_in_pair
from ingestion.collector.dialects.interface import Found, Request, Route, Unread
from ingestion.collector.dialects.segment import TYPES, quick_batch, read_batch, read_single
from ingestion.collector.problems import Problem


def read_jitsu(request: Request) -> Found:
    """The message of the type that the address names. Raises Problem where there is none."""
    named = request.parameters["type"]
    if named not in TYPES:
        message = f"{request.path[-60:]!r} ends with no type of event. Send to one of {', '.join(TYPES)}."
        raise Problem(404, "not_found", message)
    # What the library leaves of the key in the body is masked ("id:***"): only the header counts.
    found = read_single(request, named)
    return Found(found.items, type=named)


def read_jitsu_batch(request: Request) -> Found:
    """A batch as Segment's. Programs write it themselves, so a key in the body is one. Raises Problem as that does."""
    found = read_batch(request)
    return replace(found, write_key=_key(found.write_key))


def quick_jitsu_batch(request: Request) -> Unread | None:
    """The same batch, its events not read."""
    unread = quick_batch(request)
    if unread is not None:
        unread.write_key = _key(unread.write_key)
    return unread


def _key(given: str | None) -> str | None:
    return None if given is None else key_in_pair(given)


ROUTES = {
    ("POST", "/api/s/{type}"): Route(read_jitsu),
    ("POST", "/api/s/s2s/{type}"): Route(read_jitsu),
    ("POST", "/api/s/s2s/batch"): Route(read_jitsu_batch, quick=quick_jitsu_batch),
}
