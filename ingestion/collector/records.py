"""What the log keeps of one request: whose it was, when it came, how many events it held, and each of them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ingestion.collector.door import Verdict
from ingestion.collector.messages import Unreadable, read
from ingestion.envelope import Arrival
from ingestion.tracking_plan import Reason

FORMAT = 1


class Event(msgspec.Struct, array_like=True, frozen=True):
    """One event: its JSON, the door's own reasons to refuse it as (field, code, message), and what it noted."""

    raw: bytes
    reasons: list[tuple[str, str, str]]
    warnings: list[str] = []


class Record(msgspec.Struct, array_like=True, frozen=True):
    """One request. `found` is how many events were in its body, counted before anything was judged; `suppressed` how
    many of them were dropped because of whom they are about: this count is all that is kept of them."""

    format: int
    tenant: str
    source: str
    received_at: datetime
    found: int
    events: list[Event]
    suppressed: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


def encode(tenant: str, source: str, received_at: datetime, found: int, verdicts: Sequence[Verdict]) -> bytes:
    """The record of one request."""
    stored = [verdict for verdict in verdicts if not verdict.is_suppressed]
    events = [Event(v.raw, [(r.field, r.code, r.message) for r in v.own], list(v.warnings)) for v in stored]
    return _encode(Record(FORMAT, tenant, source, received_at, found, events, len(verdicts) - len(stored)))


def decode(data: bytes) -> Record:
    """A record. Raises ValueError if it is none, or one of a format that this program does not know."""
    record = _decode(data)
    if record.format != FORMAT:
        raise ValueError(f"a record of format {record.format}; this program knows {FORMAT}")
    return record


def arrivals(record: Record) -> list[Arrival]:
    """The events of a record as they are landed."""
    return [_arrival(record.received_at, event) for event in record.events]


def _arrival(received_at: datetime, event: Event) -> Arrival:
    reasons = tuple(Reason(*reason) for reason in event.reasons)
    try:
        message = read(event.raw)
    except Unreadable:
        message = None
    content = message if isinstance(message, dict) else event.raw
    return Arrival(received_at, content, reasons, warnings=tuple(event.warnings))
