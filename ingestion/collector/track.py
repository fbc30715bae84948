"""`POST /api/analytics/track`: one address for all that the platforms' own code sends, in Segment's message shape.

A body with `batch` is a batch; any other object is one message, of type `track` unless it says otherwise.
"""

from ingestion.collector.messages import Unreadable, read
from ingestion.collector.segment import Found, read_batch, read_single

PATH = "/api/analytics/track"


def read_track(body: bytes, content_type: bytes) -> Found:
    """What the body holds. Raises Problem where no events can be told apart in it."""
    if b'"batch"' in body:
        return read_batch(body, content_type) if _is_batch(body) else read_single(body, content_type, None)
    return read_single(body, content_type, None)


def _is_batch(body: bytes) -> bool:
    try:
        value = read(body)
    except Unreadable:
        # The word stands there, so a batch is the better guess; reading it will say what is wrong.
        return True
    return isinstance(value, dict) and "batch" in value
