"""Records of former formats, as a log that was left before an update may hold them.

Format 1 knew no settled events; format 2 kept each by itself, with the contexts of the request beside them. Their rules
were those of another program, so here they are events like all others, with their context again.
"""

from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from ingestion.settling import with_context

_FORMATS = (b"\x01", b"\x02")  # behind the head of the array
_NOT_SETTLED, _NO_CONTEXT = -2, -1


class _Event(msgspec.Struct, array_like=True, frozen=True, gc=False):
    raw: bytes
    reasons: list[tuple[str, str, str]]
    warnings: list[str] = []
    context: Annotated[int, Meta(ge=_NOT_SETTLED)] = _NOT_SETTLED
    hole: int = 0


class _Record(msgspec.Struct, array_like=True, frozen=True):
    format: int
    tenant: str
    source: str
    received_at: datetime
    found: int
    events: list[_Event]
    suppressed: int = 0
    settled_by: str = ""
    contexts: list[bytes] = []


_decode = msgspec.msgpack.Decoder(_Record).decode


class Before(NamedTuple):
    """A record of a former format: its events as (JSON, reasons, warnings)."""

    format: int
    tenant: str
    source: str
    received_at: datetime
    found: int
    events: list[tuple[bytes, list[tuple[str, str, str]], list[str]]]
    suppressed: int


def decode(data: bytes) -> Before | None:
    """A record of a former format; None for any other bytes. Raises ValueError for one that cannot be read."""
    if data[1:2] not in _FORMATS:
        return None
    record = _decode(data)
    contexts = [*record.contexts, b""]  # the last one is that of `_NO_CONTEXT`
    try:
        events = [
            (
                event.raw
                if event.context == _NOT_SETTLED
                else with_context(event.raw, contexts[event.context], event.hole),
                event.reasons,
                event.warnings,
            )
            for event in record.events
        ]
    except IndexError:
        raise ValueError("a record with an event whose context it does not have") from None
    return Before(
        record.format, record.tenant, record.source, record.received_at, record.found, events, record.suppressed
    )
