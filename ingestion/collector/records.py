"""What the log keeps of one request: whose it was, when it came, how many events it held, and each of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from ingestion.collector.door import Verdict
from ingestion.collector.messages import Unreadable, read
from ingestion.envelope import Arrival
from ingestion.settling import with_context
from ingestion.tracking_plan import Reason

FORMAT = 2
_FORMATS = (1, FORMAT)  # 1 knew no settled events
NOT_SETTLED, NO_CONTEXT = -2, -1


class Event(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One event: its JSON, the door's own reasons to refuse it as (field, code, message), and what it noted.

    `context` is which of the record's contexts a settled event has (`NO_CONTEXT`: none; `NOT_SETTLED`: the event is
    whole), and `hole` where it belongs in `raw`, in place of the 0 there.
    """

    raw: bytes
    reasons: list[tuple[str, str, str]]
    warnings: list[str] = []
    context: Annotated[int, Meta(ge=NOT_SETTLED)] = NOT_SETTLED
    hole: int = 0


class Record(msgspec.Struct, array_like=True, frozen=True):
    """One request. `found` is how many events were in its body, counted before anything was judged; `suppressed` how
    many of them were dropped because of whom they are about: this count is all that is kept of them.

    The events of a request share few contexts, which are kept once each."""

    format: int
    tenant: str
    source: str
    received_at: datetime
    found: int
    events: list[Event]
    suppressed: int = 0
    settled_by: str = ""
    contexts: list[bytes] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


def encode(
    tenant: str, source: str, received_at: datetime, found: int, verdicts: Sequence[Verdict], settled_by: str = ""
) -> bytes:
    """The record of one request; `settled_by` are the rules by which some of the verdicts are settled."""
    contexts: dict[bytes, int] = {}
    # As `Record` and `Event` are written, without making them.
    events = [
        (v.raw, (), (), contexts.setdefault(v.context, len(contexts)) if v.context else NO_CONTEXT, v.hole)
        if v.is_settled
        else (v.raw, _reasons(v.own), v.warnings)
        for v in verdicts
        if not v.is_suppressed
    ]
    dropped = len(verdicts) - len(events)
    return _encode((FORMAT, tenant, source, received_at, found, events, dropped, settled_by, list(contexts)))


def _reasons(reasons: Sequence[Reason]) -> list[tuple[str, str, str]]:
    return [(reason.field, reason.code, reason.message) for reason in reasons]


def decode(data: bytes) -> Record:
    """A record. Raises ValueError if it is none, or one of a format that this program does not know."""
    record = _decode(data)
    if record.format not in _FORMATS:
        raise ValueError(f"a record of format {record.format}; this program knows {FORMAT}")
    return record


class Logged(msgspec.Struct, gc=False):
    """One event of the log, to be read when it is landed."""

    received_at: datetime
    raw: bytes
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    context: bytes = b""
    settled_by: str = ""
    hole: int = 0

    @property
    def whole(self) -> bytes:
        """Its JSON text, with its context."""
        return with_context(self.raw, self.context, self.hole)

    def arrival(self) -> Arrival:
        """The event as it is landed: bytes that are no JSON object are landed as they are."""
        whole = self.whole
        try:
            message = read(whole)
        except Unreadable:
            message = None
        content = message if isinstance(message, dict) else whole
        return Arrival(self.received_at, content, self.reasons, warnings=self.warnings)


def logged(record: Record) -> list[Logged]:
    """The events of a record, not decoded yet. Raises ValueError for an event whose context it does not have."""
    try:
        return _logged(record, [*record.contexts, b""])  # the last one is that of `NO_CONTEXT`
    except IndexError:
        raise ValueError("a record with an event whose context it does not have") from None


def _logged(record: Record, contexts: list[bytes]) -> list[Logged]:
    received_at, settled_by = record.received_at, record.settled_by
    return [
        Logged(received_at, event.raw, (), (), contexts[event.context], settled_by, event.hole)
        if event.context != NOT_SETTLED
        else Logged(
            received_at,
            event.raw,
            tuple(Reason(*reason) for reason in event.reasons) if event.reasons else (),
            tuple(event.warnings),
        )
        for event in record.events
    ]
