"""`POST /api/analytics/track`: one address for all that the platforms' own code sends.

It takes messages in Segment's shape, of type `track` unless they say otherwise, and those in the short shapes; a body
with `batch` is a batch of either.
"""

from dataclasses import replace
from typing import Any

from ingestion.collector.dialects.bodies import item_of, items_of
from ingestion.collector.dialects.interface import Found, Item, Request, Route
from ingestion.collector.dialects.segment import read_batch, read_single
from ingestion.collector.dialects.short import is_short, lengthened
from ingestion.collector.messages import Unreadable, read


def read_track(request: Request) -> Found:
    """What the body holds. Raises Problem where no events can be told apart in it."""
    is_batch = b'"batch"' in request.body and _is_batch(request.body)
    found = read_batch(request) if is_batch else read_single(request)
    if not any(map(_is_short, found.items)):
        return found
    return replace(found, items=items_of(found.items, _long, request.body, request.content_type))


def _is_short(item: Item) -> bool:
    return item.fault is None and isinstance(item.value, dict) and is_short(item.value)


def _long(item: Item) -> Item:
    return item_of(lengthened(item.value)) if _is_short(item) else item


def _is_batch(body: bytes) -> bool:
    try:
        value: Any = read(body)
    except Unreadable:
        # The word stands there, so a batch is the better guess; reading it will say what is wrong.
        return True
    return isinstance(value, dict) and "batch" in value


ROUTES = {("POST", "/api/analytics/track"): Route(read_track)}
