"""What the log keeps of one request: whose it was, when it came, how many events it held, and each of them."""

import sys
from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime
from struct import Struct
from typing import Any

import msgspec

from ingestion.collector import records_before
from ingestion.collector.door import Verdict
from ingestion.tracking_plan import Reason

FORMAT = 3
NO_CONTEXT = 2**32 - 1  # the number of a context that is none
NUMBER_BYTES = 4
_NUMBER = "I"
_LAYOUT, _SIZE = Struct("<III"), Struct("<I")


class Event(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One event that is not settled: which of the record's events it is, counted from 0, its JSON, the door's own
    reasons to refuse it as (field, code, message), and what it noted."""

    place: int
    raw: bytes
    reasons: list[tuple[str, str, str]] = []
    warnings: list[str] = []


class Record(msgspec.Struct, array_like=True, frozen=True):
    """One request. `found` is how many events were in its body, counted before anything was judged; `suppressed` how
    many of them were dropped because of whom they are about: this count is all that is kept of them.

    `events` are those that are not settled. Settled ones (`ingestion/settling.py`, by the rules `settled_by`) have the
    other places, in order, and lie in columns: `texts` has them one behind the other, each with a 0 in place of its
    context; `layout` three numbers for each: the size of its text, which context it has, and where that belongs in the
    text. `contexts` and `context_sizes` are the different contexts. Numbers have four bytes, little-endian.
    """

    format: int
    tenant: str
    source: str
    received_at: datetime
    found: int
    events: list[Event]
    suppressed: int = 0
    settled_by: str = ""
    texts: bytes = b""
    layout: bytes = b""
    contexts: bytes = b""
    context_sizes: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


def encode(
    tenant: str, source: str, received_at: datetime, found: int, verdicts: Sequence[Verdict], settled_by: str = ""
) -> bytes:
    """The record of one request; `settled_by` are the rules by which some of the verdicts are settled."""
    if len(verdicts) == 1 and verdicts[0].is_settled:
        return _encode_one(tenant, source, received_at, found, verdicts[0], settled_by)
    contexts: dict[bytes, int] = {}
    texts: list[bytes] = []
    layout = array(_NUMBER)
    # As `Record` and `Event` are written, without making them.
    others: list[tuple[Any, ...]] = []
    dropped = 0
    for verdict in verdicts:
        if verdict.is_settled:
            raw, context = verdict.raw, verdict.context
            texts.append(raw)
            number = contexts.setdefault(context, len(contexts)) if context else NO_CONTEXT
            layout.extend((len(raw), number, verdict.hole))
        elif verdict.is_suppressed:
            dropped += 1
        else:
            place = len(texts) + len(others)
            others.append((place, verdict.raw, _reasons(verdict.own), verdict.warnings))
    return _encode(
        (
            *(FORMAT, tenant, source, received_at, found, others, dropped, settled_by, b"".join(texts)),
            *(_packed(layout), b"".join(contexts), _packed(array(_NUMBER, map(len, contexts)))),
        )
    )


def _encode_one(
    tenant: str, source: str, received_at: datetime, found: int, settled: Verdict, settled_by: str
) -> bytes:
    """The same of one event alone that is settled, as most requests hold, at half the cost."""
    raw, context = settled.raw, settled.context
    layout = _LAYOUT.pack(len(raw), 0 if context else NO_CONTEXT, settled.hole)
    sizes = _SIZE.pack(len(context)) if context else b""
    return _encode((FORMAT, tenant, source, received_at, found, (), 0, settled_by, raw, layout, context, sizes))


def decode(data: bytes) -> Record:
    """A record. Raises ValueError if it is none, or one of a format that this program does not know."""
    before = records_before.decode(data)
    if before is not None:
        events = [Event(place, *event) for place, event in enumerate(before.events)]
        return Record(
            before.format, before.tenant, before.source, before.received_at, before.found, events, before.suppressed
        )
    record = _decode(data)
    if record.format != FORMAT:
        raise ValueError(f"a record of format {record.format}; this program knows {FORMAT}")
    return record


def _packed(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _reasons(reasons: Iterable[Reason]) -> list[tuple[str, str, str]]:
    return [(reason.field, reason.code, reason.message) for reason in reasons]
