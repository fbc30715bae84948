"""From a message at the door to a row of the lake: identity, message id, times, and the tracking plan's judgement.

Belongs here: what holds for every event whatever it is about. Does not belong here: what single events carry
(`ingestion/tracking_plan`), files (`ingestion/lake.py`). `to_row` never raises for what a message holds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from hashlib import md5
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingestion.scrub import plain, scrub
from ingestion.tracking_plan.judge import Reason, judge
from ingestion.tracking_plan.model import Plan, Windows
from ingestion.tracking_plan.values import Unfit, parse_time, to_utc

OLDEST_YEAR, NEWEST_YEAR = 2000, 2100
LONGEST_ID = 256
LONGEST_NAME = 200

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
# Ids that are a client's programming mistake; as identities they would make strangers one person.
_NO_IDS = frozenset({"", "0", "anonymous", "nan", "nil", "none", "null", "undefined", "[object object]"})
_encode = msgspec.json.Encoder(decimal_format="number").encode
_NUL = b"\\u0000"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as it was found at the door.

    `received_at` is aware (UTC). `message` has Segment's shape; bytes are an event that could not be parsed.
    `reasons` are the door's own grounds to refuse it. A file's rows need no identity.
    """

    received_at: datetime
    message: dict[str, Any] | bytes
    reasons: tuple[Reason, ...] = ()
    identity_required: bool = True


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


class Times(NamedTuple):
    """When an event happened, and how well that is known."""

    event_at: datetime
    original_at: datetime | None
    sent_at: datetime | None
    quality: str


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
        return _refused(tenant, source, received_at, message, reasons)
    if arrival.reasons:
        return _refused(tenant, source, received_at, message, arrival.reasons)
    try:
        return _row(plan, tenant, source, arrival, message, received_at, history_from, origin, [])
    except _UNFIT:
        # Rare: text that Parquet or PostgreSQL cannot hold, a number beyond 64 bits. Mended, and judged anew.
        mended, warnings = scrub(message)
        return _row(plan, tenant, source, arrival, mended, received_at, history_from, origin, warnings)


class _NeedsScrubbing(Exception):
    """A message holds the character NUL, which PostgreSQL's text cannot."""


# What the JSON encoder says of lone surrogates, integers beyond 64 bits, types that JSON lacks, and deep nesting.
_UNFIT = (_NeedsScrubbing, UnicodeEncodeError, OverflowError, TypeError, RecursionError)


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
    user_id = _identity(message, "userId", reasons, warnings)
    anonymous_id = _identity(message, "anonymousId", reasons, warnings)
    if user_id is None and anonymous_id is None and arrival.identity_required:
        reasons.append(Reason("userId", "no_identity", "an event needs a userId or an anonymousId"))
    message_id, original_message_id = _message_id(message, origin, reasons, warnings)
    if reasons or judged.event is None:
        return _refused(tenant, source, received_at, message, reasons, judged.event)
    history = None if history_from is None else _start_of(history_from, plan.tenants[tenant].zone)
    times = judge_times(message, received_at, plan.windows, history, warnings)
    context = message.get("context")
    return EventRow(
        tenant,
        source,
        message_id,
        original_message_id,
        message["type"],
        judged.event,
        judged.original_event,
        user_id,
        anonymous_id,
        _session_id(message, context, warnings),
        times.event_at,
        times.original_at,
        times.sent_at,
        received_at,
        times.quality,
        _text(warnings) if warnings else None,
        _text(context) if context else None,
        _text(judged.properties),
        judged.typed,
    )


def _text(value: Any) -> str:
    """JSON text of a value, which must not hold the character NUL."""
    encoded = _encode(value)
    if _NUL in encoded:
        raise _NeedsScrubbing
    return encoded.decode()


def judge_times(
    message: dict[str, Any],
    received_at: datetime,
    windows: Windows,
    history: datetime | None,
    warnings: list[str],
) -> Times:
    """When the event happened, by the message's own times and by how far its clock is off (all naive UTC).

    From `history` on, no event is too old and no year is unbelievable.
    """
    sent_at = _sent_at(message, warnings)
    given = message.get("originalTimestamp")
    if given is None:
        given = message.get("timestamp")
    if given is None or given == "":
        return Times(received_at, None, sent_at, "missing")
    try:
        original_at = event_at = parse_time(given)
    except Unfit:
        return Times(received_at, None, sent_at, "invalid")
    quality = "ok"
    if sent_at is not None:
        skew = received_at - sent_at
        if abs(skew) > windows.skew:
            quality = "skew_corrected"
            try:
                event_at = original_at + skew
            except OverflowError:
                return Times(received_at, original_at, sent_at, "invalid")
    is_history = history is not None and event_at >= history
    if event_at.year > NEWEST_YEAR or (event_at.year < OLDEST_YEAR and not is_history):
        return Times(received_at, original_at, sent_at, "invalid")
    age = received_at - event_at
    if -age > windows.future:
        return Times(received_at, original_at, sent_at, "future")
    if age > windows.too_old and not is_history:
        if quality != "ok":
            warnings.append(quality)
        quality = "too_old"
    if age > windows.late and not is_history:
        warnings.append("late")
    return Times(event_at, original_at, sent_at, quality)


def _sent_at(message: dict[str, Any], warnings: list[str]) -> datetime | None:
    given = message.get("sentAt")
    if given is None:
        return None
    try:
        return parse_time(given)
    except Unfit:
        warnings.append("invalid:sentAt")
        return None


def _identity(message: dict[str, Any], field: str, reasons: list[Reason], warnings: list[str]) -> str | None:
    """An id of a user or visitor as text, or None where there is none worth the name."""
    value = message.get(field)
    if value is None:
        return None
    if type(value) is not str:
        if type(value) is not int:
            reasons.append(Reason(field, "wrong_type", f"{field} must be text"))
            return None
        value = str(value)
        warnings.append(f"converted:{field}")
    if len(value) > LONGEST_ID:
        # Never cut: two long ids with the same beginning would become one person.
        reasons.append(Reason(field, "too_large", f"{field} is longer than {LONGEST_ID} characters"))
        return None
    if value.lower() in _NO_IDS:
        if value:
            warnings.append(f"illegal:{field}")
        return None
    _assert_plain(value)
    return value


def _session_id(message: dict[str, Any], context: Any, warnings: list[str]) -> str | None:
    value = message.get("sessionId")
    if value is None and context:
        value = context.get("sessionId")
    if value is None or value == "":
        return None
    if type(value) is str:
        _assert_plain(value)
        return value
    if type(value) is int:
        return str(value)  # mobile SDKs number their sessions by time
    warnings.append("invalid:sessionId")
    return None


def _message_id(
    message: dict[str, Any], origin: str, reasons: list[Reason], warnings: list[str]
) -> tuple[bytes, str | None]:
    """The 16 bytes that identify the message within its tenant, and the client's own text where it is no UUID."""
    given = message.get("messageId")
    if type(given) is str and given:
        if len(given) == 36 and _UUID.fullmatch(given):
            return bytes.fromhex(given.replace("-", "")), None
        _assert_plain(given)
        return _hash(given), given
    if type(given) is int:
        return _hash(str(given)), str(given)
    if given is None or given == "":
        warnings.append("generated:messageId")
    else:
        reasons.append(Reason("messageId", "wrong_type", "messageId must be text"))
    return _hash(origin), None


def _hash(text: str) -> bytes:
    return md5(text.encode(), usedforsecurity=False).digest()


def _assert_plain(text: str) -> None:
    """Raise what `to_row` mends by scrubbing if a store could not hold `text`."""
    if text.isascii():
        if "\0" in text:
            raise _NeedsScrubbing
    elif plain(text) != text:
        raise _NeedsScrubbing


# One source's rows share both arguments.
@lru_cache(maxsize=64)
def _start_of(day: date, zone: ZoneInfo) -> datetime:
    """The instant (naive UTC) at which a local day begins."""
    return to_utc(datetime.combine(day, time(), tzinfo=zone))


def _refused(
    tenant: str,
    source: str,
    received_at: datetime,
    message: dict[str, Any] | bytes,
    reasons: Sequence[Reason],
    event: str | None = None,
) -> QuarantineRow:
    """The row of a refused event; it keeps what came, as far as text can."""
    message_id: bytes | None = None
    if isinstance(message, dict):
        named = message.get("event") or message.get("name")
        event = event or (plain(named)[:LONGEST_NAME] if isinstance(named, str) else None)
        given = message.get("messageId")
        if isinstance(given, str) and given:
            message_id, _ = _message_id({"messageId": plain(given)}, "", [], [])
        payload = _payload(message)
    else:
        payload = plain(message.decode("utf-8", "replace"))
    listed = [{"field": r.field, "code": r.code, "message": r.message} for r in reasons]
    return QuarantineRow(
        tenant,
        source,
        received_at,
        message_id,
        event,
        _encode(scrub(listed)[0]).decode(),
        plain(reasons[0].field),
        plain(reasons[0].code),
        plain(reasons[0].message),
        payload,
    )


def _payload(message: dict[str, Any]) -> str:
    try:
        return _encode(message).decode()
    except _UNFIT:
        return _encode(scrub(message)[0]).decode()
