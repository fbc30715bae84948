"""Jitsu's libraries: Segment's messages, each to the address of its type, with the key in a header of its own."""

from ingestion.collector.dialects.interface import Found, Request, Route
from ingestion.collector.dialects.segment import TYPES, read_single
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


ROUTES = {
    ("POST", "/api/s/{type}"): Route(read_jitsu),
    ("POST", "/api/s/s2s/{type}"): Route(read_jitsu),
}
