"""What the log keeps of one request: whose it was, when it came, how many events it held, and each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ingestion.collector.door import Verdict
from ingestion.collector.messages import Unreadable, read
from ingestion.envelope import Arrival
from ingestion.tracking_plan import Reason

FORMAT = 1


class Event(msgspec.Struct, array_like=True, frozen=True, gc=False):
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
    # As `Record` and `Event` are written, without making them.
    events = [
        (v.raw, _reasons(v.own), v.warnings) if v.own or v.warnings else (v.raw, (), ())
        for v in verdicts
        if not v.is_suppressed
    ]
    return _encode((FORMAT, tenant, source, received_at, found, events, len(verdicts) - len(events)))


def _reasons(reasons: Sequence[Reason]) -> list[tuple[str, str, str]]:
    return [(reason.field, reason.code, reason.message) for reason in reasons]


def decode(data: bytes) -> Record:
    """A record. Raises ValueError if it is none, or one of a format that this program does not know."""
    record = _decode(data)
    if record.format != FORMAT:
        raise ValueError(f"a record of format {record.format}; this program knows {FORMAT}")
    return record


@dataclass(slots=True)
class Logged:
    """One event of the log, to be read when it is landed."""

    received_at: datetime
    raw: bytes
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()

    def arrival(self) -> Arrival:
        """The event as it is landed: bytes that are no JSON object are landed as they are."""
        try:
            message = read(self.raw)
        except Unreadable:
            message = None
        content = message if isinstance(message, dict) else self.raw
        return Arrival(self.received_at, content, self.reasons, warnings=self.warnings)


def logged(record: Record) -> list[Logged]:
    """The events of a record, not decoded yet."""
    received_at = record.received_at
    return [
        Logged(
            received_at,
            event.raw,
            tuple(Reason(*reason) for reason in event.reasons) if event.reasons else (),
            tuple(event.warnings),
        )
        for event in record.events
    ]
