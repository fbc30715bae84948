"""From a message at the door to a row of the lake: identity, message id, times, and the tracking plan's judgement.

Belongs here: what holds for every event whatever it is about, with `identity.py`, `event_times.py` and `scrub.py`.
Does not belong here: what single events carry (`ingestion/tracking_plan`), files (`ingestion/lake.py`). `to_row` never
raises for what a message holds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec

from ingestion.event_times import judge_times, start_of
from ingestion.identity import identity, invalid_characters, message_id, nobody, session_id
from ingestion.scrub import NUL_IN_NAME, NeedsScrubbing, plain, scrub
from ingestion.tracking_plan.contracts import Reason
from ingestion.tracking_plan.judge import judge
from ingestion.tracking_plan.model import Plan
from ingestion.tracking_plan.values import to_utc

MAX_EVENT_BYTES = 32 * 1024  # of an event as JSON, however it comes
LONGEST_NAME = 200  # characters of a refused event's name; its payload has the whole

_encode = msgspec.json.Encoder(decimal_format="number").encode
_NUL = b"\\u0000"
_IS_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000").search  # behind a whole number of escaped backslashes


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as it was found at the door.

    `received_at` is aware (UTC). `message` has Segment's shape; bytes are an event that could not be parsed.
    `reasons` are the door's own grounds to refuse it, `warnings` what was noted of it
    before it is judged. A file's rows need no identity. `own_id` (16 bytes) names bytes that may come again.
    """

    received_at: datetime
    message: dict[str, Any] | bytes
    reasons: tuple[Reason, ...] = ()
    identity_required: bool = True
    warnings: tuple[str, ...] = ()
    own_id: bytes | None = None


class EventRow(NamedTuple):
    """An accepted event: the envelope in the lake's order (times naive UTC, ids 16 bytes), then the typed columns."""

    tenant: str
    source: str
    message_id: bytes
    original_message_id: str | None
    type: str
    event: str
    original_event: str | None
    user_id: str | None
    anonymous_id: str | None
    session_id: str | None
    event_at: datetime
    original_at: datetime | None
    sent_at: datetime | None
    received_at: datetime
    time_quality: str
    warnings: str | None
    context: str | None
    properties: str
    typed: dict[str, Any]


class QuarantineRow(NamedTuple):
    """A refused event: why (`reasons` as JSON, the first one's field and code) and what came (`payload`)."""

    tenant: str
    source: str
    received_at: datetime
    message_id: bytes | None
    event: str | None
    reasons: str
    field: str
    code: str
    message: str
    payload: str


def oversize(size: int) -> Reason | None:
    """Why an event of so many bytes is refused; None if it is not too large."""
    if size <= MAX_EVENT_BYTES:
        return None
    return Reason("", "event_too_large", f"the event has {size:,} bytes; the limit is {MAX_EVENT_BYTES:,}")


def to_row(
    plan: Plan,
    tenant: str,
    source: str,
    arrival: Arrival,
    history_from: date | None = None,
    *,
    origin: str = "",
) -> EventRow | QuarantineRow:
    """The lake's row for one arrival.

    `history_from` is the tenant's local date from which nothing is too old; `origin` tells this arrival from all
    others for good (landing and row) and gives a message without an id its id.
    """
    message = arrival.message
    received_at = to_utc(arrival.received_at)
    if isinstance(message, bytes):
        reasons = arrival.reasons or (Reason("", "unreadable", "the event is not a JSON object"),)
        return _refused(tenant, source, received_at, message, reasons)._replace(message_id=arrival.own_id)
    if arrival.reasons:
        return _refused(tenant, source, received_at, message, arrival.reasons)
    try:
        return _row(plan, tenant, source, arrival, message, received_at, history_from, origin, [*arrival.warnings])
    except _UNFIT:
        # Rare: text that Parquet or PostgreSQL cannot hold, bottomless nesting. Mended, and judged anew.
        mended, warnings = scrub(message)
        unfit = invalid_characters(message, NUL_IN_NAME in warnings)
        if unfit:
            return _refused(tenant, source, received_at, mended, unfit)
        noted = [*arrival.warnings, *warnings]
        return _row(plan, tenant, source, arrival, mended, received_at, history_from, origin, noted)


# What the JSON encoder says of lone surrogates, endless integers, types that JSON lacks, and deep nesting.
_UNFIT = (NeedsScrubbing, ValueError, OverflowError, TypeError, RecursionError)


def _row(
    plan: Plan,
    tenant: str,
    source: str,
    arrival: Arrival,
    message: dict[str, Any],
    received_at: datetime,
    history_from: date | None,
    origin: str,
    warnings: list[str],
) -> EventRow | QuarantineRow:
    judged = judge(plan, tenant, message)
    reasons: list[Reason] = [*judged.reasons]
    warnings += judged.warnings
    user_id = identity(message, "userId", reasons, warnings)
    anonymous_id = identity(message, "anonymousId", reasons, warnings)
    if user_id is None and anonymous_id is None and arrival.identity_required:
        reasons.append(nobody(message))
    own_id, original_message_id = message_id(message, origin, reasons, warnings)
    if reasons or judged.event is None:
        return _refused(tenant, source, received_at, message, reasons, judged.event)
    history = None if history_from is None else start_of(history_from, plan.tenants[tenant].zone)
    times = judge_times(message, received_at, plan.windows, history, warnings)
    context = message.get("context")
    return EventRow(
        tenant,
        source,
        own_id,
        original_message_id,
        message["type"],
        judged.event,
        judged.original_event,
        user_id,
        anonymous_id,
        session_id(message, context, warnings),
        times.event_at,
        times.original_at,
        times.sent_at,
        received_at,
        times.quality,
        json_text(warnings) if warnings else None,
        json_text(context) if context else None,
        json_text(judged.properties),
        judged.typed,
    )


def json_text(value: Any) -> str:
    """JSON text of a value, which must not hold the character NUL."""
    encoded = _encode(value)
    if _NUL in encoded and _IS_NUL(encoded):
        raise NeedsScrubbing
    return encoded.decode()


def _refused(
    tenant: str,
    source: str,
    received_at: datetime,
    message: dict[str, Any] | bytes,
    reasons: Sequence[Reason],
    event: str | None = None,
) -> QuarantineRow:
    """The row of a refused event; it keeps what came, as far as text can."""
    own_id: bytes | None = None
    if isinstance(message, dict):
        named = message.get("event") or message.get("name")
        event = event or (plain(named)[:LONGEST_NAME] if isinstance(named, str) else None)
        given = message.get("messageId")
        if isinstance(given, str) and given:
            own_id, _ = message_id({"messageId": plain(given)}, "", [], [])
        payload = _payload(message)
    else:
        payload = plain(message.decode("utf-8", "replace"))
    listed = [{"field": r.field, "code": r.code, "message": r.message} for r in reasons]
    return QuarantineRow(
        tenant,
        source,
        received_at,
        own_id,
        event,
        _encode(scrub(listed)[0]).decode(),
        plain(reasons[0].field),
        plain(reasons[0].code),
        plain(reasons[0].message),
        payload,
    )


def _payload(message: dict[str, Any]) -> str:
    return json_bytes(message).decode()


def json_bytes(message: dict[str, Any]) -> bytes:
    """A message as JSON; what JSON cannot hold is mended."""
    try:
        return _encode(message)
    except _UNFIT:
        return _encode(scrub(message)[0])
