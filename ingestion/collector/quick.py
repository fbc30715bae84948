"""The quick lane of the door: events that are plainly right are completed and accepted without being taken apart.

An event stays in this lane only if it would come out of the careful way (`enrich`, then `door`) with the very same
bytes, no reason and no warning; a property test holds both against each other. All others come back as None.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from ingestion.collector.dialects import Unread
from ingestion.collector.door import Verdict
from ingestion.collector.enrich import Enricher
from ingestion.collector.limits import MAX_DEPTH, MAX_MESSAGE_ID, MAX_PROPERTIES, MAX_PROPERTY_NAME
from ingestion.collector.messages import KEY_MARK
from ingestion.collector.quick_contexts import ABSENT, NAME_END, Contexts, ContextsBeside
from ingestion.envelope import MAX_EVENT_BYTES
from ingestion.plain_events import Envelope
from ingestion.plain_fit import PlainFit
from ingestion.plain_typed import TypedEvent, TypedEvents, names_in
from ingestion.privacy.cleaning import NAMES
from ingestion.privacy.suppression import SuppressedPeople
from ingestion.tracking_plan import Plan

_LARGEST = MAX_EVENT_BYTES - 2_048  # with room for what is added
_CONTEXT = b'"context":'
_NESTED = ("context", "properties", "traits", "integrations", "_metadata")
_BESIDE = ("integrations", "_metadata")  # nobody reads them: they are looked at here, the others when they are judged
_ABOUT_PEOPLE = ("identify", "group", "alias")


_decode_top = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Lane:
    """What is known for one tenant."""

    def __init__(self, plan: Plan, tenant: str, enricher: Enricher) -> None:
        self.typed = TypedEvents(plan, tenant)
        self.plain = PlainFit(plan, tenant)
        self.contexts = Contexts(enricher, self.plain)


class QuickLane:
    """Judges what is plain; belongs to the event loop."""

    def __init__(self, plan: Plan, enricher: Enricher, suppressed: Callable[[str], SuppressedPeople | None]) -> None:
        self._plan = plan
        self._enricher = enricher
        self._suppressed = suppressed
        self._lanes: dict[str, _Lane] = {}

    def judge(
        self, unread: Unread, tenant: str, headers: Mapping[bytes, bytes], peer: str | None
    ) -> list[Verdict | None]:
        """A verdict for each event that is plain, None for each that has to go the careful way."""
        verdicts: list[Verdict | None] = [None] * unread.count
        lane = self._lane(tenant)
        if lane is None:
            return verdicts
        people = self._suppressed(tenant)
        completer = _Completer(unread, lane.contexts.beside(self._enricher.of_request(headers, peer)))
        may_hold_keys = KEY_MARK in unread.body
        completed: list[bytes] = []
        places: list[int] = []
        for place, given in enumerate(unread.raws):
            if len(given) > _LARGEST or (may_hold_keys and KEY_MARK in given):
                continue
            verdict = verdicts[place] = completer.typed_verdict(given, lane.typed, people)
            if verdict is None:
                raw = completer.complete(given)
                if raw is not None:
                    completed.append(raw)
                    places.append(place)
        if completed:
            for number in _plain_among(completed, lane.plain, unread.type, people):
                verdicts[places[number]] = Verdict(completed[number])
        return verdicts

    def judge_one(
        self, unread: Unread, tenant: str, headers: Mapping[bytes, bytes], peer: str | None
    ) -> Verdict | None:
        """The same for a request that is one event."""
        given = unread.raws[0]
        lane = self._lane(tenant)
        if lane is None or len(given) > _LARGEST or KEY_MARK in given:
            return None
        people = self._suppressed(tenant)
        completer = _Completer(unread, lane.contexts.beside(self._enricher.of_request(headers, peer)))
        verdict = completer.typed_verdict(given, lane.typed, people)
        if verdict is not None:
            return verdict
        raw = completer.complete(given)
        return Verdict(raw) if raw is not None and _plain_among([raw], lane.plain, unread.type, people) else None

    def _lane(self, tenant: str) -> _Lane | None:
        """What is known for a tenant, if the plan knows it."""
        lane = self._lanes.get(tenant)
        if lane is None and tenant in self._plan.tenants:
            lane = self._lanes[tenant] = _Lane(self._plan, tenant, self._enricher)
        return lane


def _plain_among(raws: list[bytes], plain: PlainFit, kind: str | None, people: SuppressedPeople | None) -> list[int]:
    """The places of the completed events that would surely be accepted, and are about nobody who is suppressed."""
    places: list[int] = []
    for place, fit in enumerate(plain.of(raws)):
        if fit is None or not _is_simple(fit.raw_properties, fit.properties):
            continue
        envelope = fit.envelope
        if len(envelope.messageId) > MAX_MESSAGE_ID or (kind is not None and envelope.type != kind):
            continue
        if people is None or not _may_be_about(people, envelope, raws[place]):
            places.append(place)
    return places


class _Completer:
    """Adds to the events of one request what the request says for all of them."""

    def __init__(self, unread: Unread, contexts: ContextsBeside) -> None:
        self._contexts = contexts
        self._type = None if unread.is_batch else unread.type or "track"
        self._sent_at = None if unread.sent_at is None else b'"sentAt":' + msgspec.json.encode(unread.sent_at) + b","
        self._type_part = b"" if self._type is None else _type_part(self._type)
        self._is_track = self._type is None or self._type == "track"

    def complete(self, raw: bytes) -> bytes | None:
        """The event as the log keeps it, or None if it needs care."""
        if not raw.startswith(b'{"') or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
            return None
        try:
            top = _top_of(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if top is None:
            return None
        context = bytes(top["context"]) if "context" in top else ABSENT
        if b'"traits"' in context and (self._type == "identify" or b'"identify"' in raw):
            return None  # they may be the event's own (RudderStack)
        wanted = self._contexts[context]
        parts = None if wanted is None else _around_context(raw, context, wanted.completed)
        if parts is None:
            return None
        added = self._type_part if self._type is not None and "type" not in top else b""
        if self._sent_at is not None:
            if "sentAt" not in top:
                added += self._sent_at
            elif bytes(top["sentAt"]) == b"null":
                return None
        return _joined(added, parts)

    def typed_verdict(self, raw: bytes, typed: TypedEvents, people: SuppressedPeople | None) -> Verdict | None:
        """The verdict of a track message that is recognised by its type; None if it is not."""
        event = typed.read(raw) if self._is_track else None
        completed = None if event is None else self._complete_typed(raw, event)
        if completed is None or event is None or (people is not None and _may_be_about(people, event, completed)):
            return None
        return Verdict(completed)

    def _complete_typed(self, raw: bytes, event: TypedEvent) -> bytes | None:
        sent = ABSENT if event.context is UNSET else bytes(event.context)
        context = self._contexts[sent]
        if context is None or not context.is_plain or len(event.messageId) > MAX_MESSAGE_ID:
            return None
        start = end = 0
        if sent:
            start = raw.find(_CONTEXT) + len(_CONTEXT)
            if raw.startswith(b" ", start):
                start += 1
            end = start + len(sent)
            if start < len(_CONTEXT) or not raw.startswith(sent, start):
                return None
        # The names of the context were counted when it was looked at.
        if raw.count(NAME_END, 0, start) + raw.count(NAME_END, end) != names_in(event):
            return None
        added = self._sent_at or b""
        if event.type is UNSET or event.sentAt is not UNSET:
            typed = self._added_to(event)
            if typed is None:
                return None
            added = typed
        if context.is_kept:
            return b"".join((b"{", added, raw[1:])) if added else raw
        if not sent:
            return b"".join((b"{", added, b'"context":', context.completed, b",", raw[1:]))
        return b"".join((b"{", added, raw[1:start], context.completed, raw[end:]))

    def _added_to(self, event: TypedEvent) -> bytes | None:
        """The fields that are added to this message, or None if it needs care."""
        added = b""
        if event.type is UNSET:
            if self._type is None:
                return None
            added = self._type_part
        if self._sent_at is not None:
            if event.sentAt is UNSET:
                added += self._sent_at
            elif event.sentAt is None:
                return None
        return added


@lru_cache(maxsize=16)
def _type_part(type_: str) -> bytes:
    return b'"type":' + msgspec.json.encode(type_) + b","


def _around_context(raw: bytes, sent: bytes, wanted: bytes) -> tuple[bytes, bytes, bytes] | None:
    """The event in three parts, its new context in the middle; None where the place of its own one is not certain."""
    if wanted == sent:
        return raw, b"", b""
    if not sent:
        return b'{"context":', wanted, b"," + raw[1:]
    start = raw.find(_CONTEXT) + len(_CONTEXT)
    if start < len(_CONTEXT) or not raw.startswith(sent, start):
        return None
    return raw[:start], wanted, raw[start + len(sent) :]


def _joined(added: bytes, parts: tuple[bytes, bytes, bytes]) -> bytes:
    """The event, with what is added at its beginning."""
    if added:
        return b"".join((b"{", added, parts[0][1:], parts[1], parts[2]))
    return b"".join(parts)


def _top_of(raw: bytes) -> dict[str, msgspec.Raw] | None:
    """The fields of an event, or None if a name stands twice or something has to be taken out (but for its context)."""
    top = _decode_top(raw)
    if not NAMES.isdisjoint(top):
        return None
    names = len(top)
    for place in _NESTED:
        if place in top:
            nested = bytes(top[place])
            if nested == b"{}":
                continue
            names += nested.count(NAME_END)
            if place in _BESIDE and not _is_simple(nested, None):
                return None
    # A name that stands twice at the top is in the dictionary once.
    return top if raw.count(NAME_END) == names else None


def _is_simple(raw: bytes, inside: Mapping[str, Any] | None) -> bool:
    """Whether an object holds no name twice, nothing that has to be taken out, and no further objects.

    `inside` is what it holds, where that is known.
    """
    if raw.count(b"{") != 1:
        return raw in (b"null", b"[]")
    inside = _decode_top(raw) if inside is None else inside
    if len(inside) != raw.count(NAME_END) or "" in inside or not NAMES.isdisjoint(inside):
        return False
    is_short = len(raw) <= MAX_PROPERTY_NAME
    return is_short or not inside or (len(inside) <= MAX_PROPERTIES and max(map(len, inside)) <= MAX_PROPERTY_NAME)


def _may_be_about(people: SuppressedPeople, event: Envelope | TypedEvent, raw: bytes) -> bool:
    """Whether an event has to be looked at because it may be about a suppressed person."""
    if event.type in _ABOUT_PEOPLE or b'"traits"' in raw or getattr(event, "previousId", None) is not None:
        return True
    return (event.userId or None) in people or (event.anonymousId or None) in people
