"""`POST /api/analytics/track`: one address for all that the platforms' own code sends, in Segment's message shape.

A body with `batch` is a batch; any other object is one message, of type `track` unless it says otherwise.
"""

from ingestion.collector.dialects.interface import Found, Request, Route
from ingestion.collector.dialects.segment import read_batch, read_single
from ingestion.collector.messages import Unreadable, read


def read_track(request: Request) -> Found:
    """What the body holds. Raises Problem where no events can be told apart in it."""
    if b'"batch"' in request.body and _is_batch(request.body):
        return read_batch(request)
    return read_single(request)


def _is_batch(body: bytes) -> bool:
    try:
        value = read(body)
    except Unreadable:
        # The word stands there, so a batch is the better guess; reading it will say what is wrong.
        return True
    return isinstance(value, dict) and "batch" in value


ROUTES = {("POST", "/api/analytics/track"): Route(read_track)}
