"""The door: every event of a request is cleaned, completed and judged, by the same rules as at its landing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ingestion.collector.dialects import Found, Item
from ingestion.collector.limits import (
    MAX_DEPTH,
    MAX_MESSAGE_ID,
    MAX_PROPERTIES,
    MAX_PROPERTY_NAME,
)
from ingestion.collector.messages import (
    KEY_MARK,
    deeper_than,
    kind_of,
    read_odd,
    redact,
    repeats_names,
    without_keys,
    write,
)
from ingestion.envelope import Arrival, QuarantineRow, oversize, to_row
from ingestion.privacy.cleaning import clean
from ingestion.privacy.suppression import SuppressedPeople
from ingestion.settling import with_context
from ingestion.tracking_plan import Plan, Reason

DEFAULT_TYPE = "track"
DUPLICATE_KEY = "duplicate_key"  # a name stands twice in one object: the last value counts, as in every JSON parser
OUT_OF_SCOPE = "insufficient_scope"  # the write key may not send such an event
PeopleOf = Callable[[str], SuppressedPeople | None]
Scope = frozenset[str] | None
_decode_reasons = msgspec.json.Decoder(list[Reason]).decode


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What becomes of one event: the bytes that the log keeps, and why it is refused (accepted if there is no reason).

    `own` are the reasons that the landing cannot find again, because they are about what came and not what it means;
    `warnings` likewise. A settled event (`ingestion/settling.py`) has its `context` apart, if it has one, and in `raw`
    at `hole` what stands for it.
    """

    raw: bytes
    reasons: tuple[Reason, ...] = ()
    own: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    is_suppressed: bool = False  # nothing of it may be stored, also if it is refused; the client is not told
    is_settled: bool = False
    context: bytes = b""
    hole: int = 0

    @property
    def whole(self) -> bytes:
        """The event's text, with its context."""
        return with_context(self.raw, self.context, self.hole)


class Taken(NamedTuple):
    """What came in of one event, cleaned: its bytes, its object if it is one, and the door's own reasons and warnings.

    An event with such a reason is refused whatever it means.
    """

    raw: bytes
    message: dict[str, Any] | None
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()


def nobody(_: str) -> SuppressedPeople | None:
    """No tenant has suppressed people."""
    return None


class Door:
    """Judges events by one tracking plan."""

    def __init__(self, plan: Plan, suppressed: PeopleOf = nobody) -> None:
        """`suppressed` gives the suppressed people of a tenant, if it has any."""
        self._plan = plan
        self._suppressed = suppressed

    def judge(
        self, found: Found, tenant: str, source: str, received_at: datetime, scope: Scope = None
    ) -> list[Verdict]:
        """A verdict for each event of a request, in order; `scope` is what its write key may send (see `WriteKey`).

        An event that would be refused anyway is refused for that reason.
        """
        people = self._suppressed(tenant)
        are_suppressed = people is not None and people.owns({"context": found.context})
        fill = _Fill(found)
        verdicts = []
        for item in found.items:
            verdict = self._judge(item, fill, tenant, source, received_at, scope)
            if are_suppressed or (people is not None and _is_about(people, item)):
                # Answered like anybody's, or the answer would tell who is suppressed.
                verdict = Verdict(b"", verdict.reasons, is_suppressed=True)
            verdicts.append(verdict)
        return verdicts

    def _judge(
        self, item: Item, fill: "_Fill", tenant: str, source: str, received_at: datetime, scope: Scope
    ) -> Verdict:
        raw, message, own, warnings = _take_in(item, fill)
        if message is None or own:
            return Verdict(raw, own, own)
        row = to_row(self._plan, tenant, source, Arrival(received_at, message))
        if isinstance(row, QuarantineRow):
            return Verdict(raw, tuple(_decode_reasons(row.reasons)))
        if scope is not None and scope.isdisjoint((row.type, row.event)):
            words = f"this write key may send {', '.join(sorted(scope))}, not {row.event}"
            own = (Reason("event", OUT_OF_SCOPE, words),)
            return Verdict(raw, own, own)
        return Verdict(raw, warnings=warnings)


def take_in(item: Item) -> Taken:
    """An event that comes with no request: cleaned and held to the same limits as any, for its landing to judge."""
    return _take_in(item, _Fill(Found([], is_batch=True)))


def _take_in(item: Item, fill: "_Fill") -> Taken:
    message = item.value
    if not isinstance(message, dict):
        return Taken(redact(item.raw), None, (_unreadable(item),))
    # Counting brackets costs nothing; only events with many of them are walked through.
    if item.raw.count(b"{") + item.raw.count(b"[") > MAX_DEPTH and deeper_than(message, MAX_DEPTH):
        reason = Reason("", "too_deep", f"the event is nested deeper than {MAX_DEPTH} levels")
        return Taken(redact(item.raw), None, (reason,))
    beyond = _beyond_limits(item, message)
    raw = item.raw
    warnings: tuple[str, ...] = ()
    if KEY_MARK in raw:
        raw = without_keys(raw)
        message = read_odd(raw)
    if repeats_names(raw, message):
        raw, warnings = write(message), (DUPLICATE_KEY,)
    raw = fill.complete(raw, message)
    return Taken(raw, message, () if beyond is None else (beyond,), warnings)


def _is_about(people: SuppressedPeople, item: Item) -> bool:
    """Whether an event, or what could not be read as one, names a suppressed person."""
    return people.owns(item.value if isinstance(item.value, dict) else item.raw)


def _unreadable(item: Item) -> Reason:
    if item.fault is not None:
        return Reason("", item.fault.code, f"the event cannot be read: {item.fault}")
    return Reason("", "not_an_object", f"an event must be an object, got {kind_of(item.value)}")


def _beyond_limits(item: Item, message: dict[str, Any]) -> Reason | None:
    """Why an object cannot be an event whatever it means, or None."""
    raw = item.raw
    if item.fault is not None:
        return _unreadable(item)
    too_large = oversize(len(raw))
    if too_large is not None:
        return too_large
    message_id = message.get("messageId")
    if type(message_id) is str and len(message_id) > MAX_MESSAGE_ID:
        return Reason("messageId", "invalid_message_id", f"messageId is longer than {MAX_MESSAGE_ID} characters")
    for name in ("properties", "traits"):
        properties = message.get(name)
        if type(properties) is dict and properties:
            reason = _bad_names(name, properties)
            if reason is not None:
                return reason
    return None


def _bad_names(where: str, properties: dict[str, Any]) -> Reason | None:
    if len(properties) > MAX_PROPERTIES:
        return Reason(
            where, "too_many_properties", f"{where} has {len(properties):,} names; the limit is {MAX_PROPERTIES:,}"
        )
    if "" in properties:
        return Reason(where, "empty_property_name", f"{where} holds an empty name")
    if max(map(len, properties)) > MAX_PROPERTY_NAME:
        return Reason(
            where, "property_name_too_long", f"{where} holds a name of more than {MAX_PROPERTY_NAME} characters"
        )
    return None


class _Fill:
    """What a request adds to each of its events (type, sentAt, context), and what it takes away."""

    def __init__(self, found: Found) -> None:
        self.type = found.type
        self.sent_at = found.sent_at
        self.context = found.context
        if isinstance(self.context, dict):
            clean(self.context, deep=True)
        self._is_batch = found.is_batch
        self._parts: dict[str, bytes] = {}
        for name, value in (
            ("type", None if found.is_batch else self.type or DEFAULT_TYPE),
            ("sentAt", self.sent_at),
            ("context", self.context),
        ):
            if value is not None:
                self._parts[name] = b'"' + name.encode() + b'":' + write(value) + b","

    def complete(self, raw: bytes, message: dict[str, Any]) -> bytes:
        """Clean and complete `message` in place; returns its bytes, the client's own as far as they can be kept."""
        was_empty = not message
        changed = clean(message, deep=b'"ip"' in raw)
        added: list[str] = []
        if not self._is_batch:
            changed |= self._set_type(message, added)
        if self.sent_at is not None and message.get("sentAt") is None:
            changed |= _put(message, "sentAt", self.sent_at, added)
        if self.context is not None:
            changed |= self._merge_context(message, added)
        if changed or was_empty or (added and not raw.startswith(b"{")):
            return write(message)
        if not added:
            return raw
        # Much cheaper than writing the event anew, and every byte that the client sent stays as it was.
        return b"{" + b"".join([self._parts[name] for name in added]) + raw[1:]

    def _set_type(self, message: dict[str, Any], added: list[str]) -> bool:
        given = message.get("type")
        if self.type is None:
            return given is None and _put(message, "type", DEFAULT_TYPE, added)
        return given != self.type and _put(message, "type", self.type, added)

    def _merge_context(self, message: dict[str, Any], added: list[str]) -> bool:
        own = message.get("context")
        if own is None or own == {}:
            return _put(message, "context", self.context, added)
        if isinstance(own, dict) and isinstance(self.context, dict):
            message["context"] = _merged(self.context, own)
            return True
        return False


def _put(message: dict[str, Any], name: str, value: Any, added: list[str]) -> bool:
    """Set a field; a new one is noted in `added`, an existing one is a change of what the client sent."""
    is_new = name not in message
    message[name] = value
    if is_new:
        added.append(name)
    return not is_new


def _merged(common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Both objects in one, level by level; where both have a value, the event's own one counts."""
    merged = {**common, **own}
    for name, value in own.items():
        shared = common.get(name)
        if isinstance(value, dict) and isinstance(shared, dict):
            merged[name] = _merged(shared, value)
    return merged
