"""The quick way of the plainly right event: decoded once, many at a time, straight into columns.

An event is plain if nothing about it needs thought: every name is known, every value has the JSON type that its
contract declares, its identity is ordinary. Most events are. All others take the careful way (`envelope.to_row`), which
defines what is right: this module only recognises events for which that way would neither warn nor refuse, with the
same parsers, and a property test holds both ways against each other, value for value. What is not recognised here is
therefore never wrong, only slower.

Belongs here: what holds for one event. Does not belong here: its times (`plain_times.py`), rows (`plain_rows.py`).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from ingestion.identity import is_plain_id, session_id
from ingestion.scrub import NeedsScrubbing
from ingestion.tracking_plan.contracts import Known
from ingestion.tracking_plan.model import Plan
from ingestion.tracking_plan.names import CONTEXT_PREFIX
from ingestion.tracking_plan.plain import Columns, known_event, plain_contexts, plain_properties

CONTEXTS = 8192  # contexts remembered at one time: clients send the same one with event after event

_ABSENT = msgspec.Raw()
_EMPTY = msgspec.Raw(b"{}")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
# What decoding and encoding raise for what the careful way has to look at.
NOT_PLAIN = (ValueError, OverflowError, RecursionError, TypeError)


class Envelope(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The fields of a message of which nothing but their type needs to be known; any other field is not plain."""

    type: str
    messageId: str
    event: str | None = None
    userId: str | None = None
    anonymousId: str | None = None
    sessionId: str | None = None
    timestamp: str | None = None
    originalTimestamp: str | None = None
    sentAt: str | None = None
    name: str | None = None
    category: str | None = None
    groupId: str | None = None
    previousId: str | None = None
    context: msgspec.Raw = _ABSENT
    properties: msgspec.Raw = _ABSENT
    traits: msgspec.Raw = _ABSENT
    # What clients add for their own sake: decoded, so that nothing in the message is unread, and of no further use.
    integrations: Any = None
    channel: Any = None
    version: Any = None
    _metadata: Any = None


class PlainContext(NamedTuple):
    """What a context brings to a row: its text, its session, and the values of the context's columns in order."""

    text: bytes | None
    session_id: str | None
    values: tuple[Any, ...]


class PlainGroup(NamedTuple):
    """Plain events of one name; `places` says which of those that were read. The times are still to be judged."""

    known: Known
    type: str
    places: list[int]
    envelopes: list[Envelope]
    contexts: list[PlainContext]
    columns: Columns
    properties: list[bytes]


class PlainEvents:
    """Recognises the plain events of one tenant. It remembers contexts: use one for as many events as possible."""

    def __init__(self, plan: Plan, tenant: str) -> None:
        self._plan = plan
        self._tenant = tenant
        self.context_columns = tuple(CONTEXT_PREFIX + name for name in plan.common.context)
        self._contexts: dict[bytes, PlainContext | None] = {b"": self._context({}, [None] * len(self.context_columns))}

    def context(self, raw: bytes) -> PlainContext | None:
        """What a context brings to a row; None unless it is taken without a word."""
        known = self._contexts
        return known[raw] if raw in known else self._look_up([raw])[0]

    def read(self, raws: Sequence[bytes]) -> list[PlainGroup]:
        """The plain ones among the events in these bytes, by name."""
        envelopes = read_envelopes(raws)
        contexts = self._look_up([b"" if e is None else bytes(e.context) for e in envelopes])
        by_name: dict[tuple[str, str | None], list[int]] = defaultdict(list)
        for place, envelope in enumerate(envelopes):
            if envelope is not None and contexts[place] is not None:
                kind = envelope.type
                by_name[kind, envelope.event if kind == "track" else None].append(place)
        groups = []
        for (kind, name), places in by_name.items():
            known = known_event(self._plan, self._tenant, kind, name)
            if known is not None:
                chosen = [envelope for place in places if (envelope := envelopes[place]) is not None]
                found = [context for place in places if (context := contexts[place]) is not None]
                groups.append(_group(known, kind, places, chosen, found))
        return groups

    def _look_up(self, raws: Sequence[bytes]) -> list[PlainContext | None]:
        """What the careful way makes of these contexts; None where it would warn or refuse."""
        known = self._contexts
        new = [raw for raw in dict.fromkeys(raws) if raw not in known]
        if new:
            if len(known) + len(new) > CONTEXTS:
                absent = known[b""]
                known.clear()
                known[b""] = absent
                new = [raw for raw in dict.fromkeys(raws) if raw]
            known.update(zip(new, self._read_contexts(new), strict=True))
        return [known[raw] for raw in raws]

    def _read_contexts(self, raws: Sequence[bytes]) -> list[PlainContext | None]:
        decoded = _decode_each(raws)
        contexts = [context if type(context) is dict else {} for context in decoded]
        columns, odd = plain_contexts(self._plan.judges.context_tree, contexts)
        rows = zip(*(columns[name] for name in self.context_columns), strict=True)
        found: list[PlainContext | None] = []
        for place, (given, values) in enumerate(zip(decoded, rows, strict=True)):
            is_odd = type(given) is not dict or place in odd
            found.append(None if is_odd else self._context(given, values))
        return found

    def _context(self, context: dict[str, Any], values: Sequence[Any]) -> PlainContext | None:
        warnings: list[str] = []
        try:
            session = session_id({}, context, warnings) if context else None
            text = _encode(context) if context else None
        except (*NOT_PLAIN, NeedsScrubbing):
            return None
        return None if warnings else PlainContext(text, session, tuple(values))


def _group(
    known: Known, kind: str, places: list[int], envelopes: list[Envelope], contexts: list[PlainContext]
) -> PlainGroup:
    """The plain events of one name, without those whose identity or properties are not plain."""
    given = [properties_of(envelope, kind) for envelope in envelopes]
    decoded = _decode_each(given)
    properties = [item if type(item) is dict else {} for item in decoded]
    columns, texts, odd = plain_properties(known, kind, properties, envelopes)
    odd.update(place for place, item in enumerate(decoded) if type(item) is not dict)
    odd |= _odd_identities(envelopes)
    if odd:
        kept = [place for place in range(len(places)) if place not in odd]
        columns = {name: [values[place] for place in kept] for name, values in columns.items()}
        places, texts = [places[place] for place in kept], [texts[place] for place in kept]
        envelopes, contexts = [envelopes[place] for place in kept], [contexts[place] for place in kept]
    return PlainGroup(known, kind, places, envelopes, contexts, columns, texts)


def read_envelopes(raws: Sequence[bytes]) -> list[Envelope | None]:
    """The messages as far as they can be plain."""
    try:
        envelopes: list[Envelope | None] = [_decode_envelope(raw) for raw in raws]
    except NOT_PLAIN:
        envelopes = [_envelope_or_none(raw) for raw in raws]
    whole = b"\n".join(raws)
    if not _is_fully_read(whole, [envelope for envelope in envelopes if envelope is not None]):
        envelopes = [
            envelope if envelope is not None and _is_fully_read(raw, [envelope]) else None
            for raw, envelope in zip(raws, envelopes, strict=True)
        ]
    return envelopes


def _envelope_or_none(raw: bytes) -> Envelope | None:
    try:
        return _decode_envelope(raw)
    except NOT_PLAIN:
        return None


_decode_envelope = msgspec.json.Decoder(Envelope).decode


def _is_fully_read(raw: bytes, envelopes: Sequence[Envelope]) -> bool:
    """Whether these bytes hold nothing that decoding these envelopes, their properties and contexts leaves unread.

    An escaped character can hide a name that stands twice, or one that no store can hold.
    """
    if b"\\u" in raw:
        return False
    if raw.count(b'"context"') != sum(e.context is not _ABSENT for e in envelopes):
        return False
    given = sum((e.properties is not _ABSENT) + (e.traits is not _ABSENT) for e in envelopes)
    if raw.count(b'"properties"') + raw.count(b'"traits"') != given:
        return False
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            return False
    return True


def properties_of(envelope: Envelope, kind: str) -> bytes:
    """The bytes of the properties or traits; of what is ambiguous, bytes that are no object."""
    if envelope.traits is _ABSENT:
        return b"{}" if envelope.properties is _ABSENT else bytes(envelope.properties)
    if kind in ("identify", "group") and envelope.properties is _ABSENT:
        return bytes(envelope.traits)
    return b"null"


def _decode_each(raws: Sequence[bytes]) -> list[Any]:
    """The values of JSON texts, None where there is none."""
    try:
        return [_decode(raw) for raw in raws]
    except NOT_PLAIN:
        return [_decoded_or_none(raw) for raw in raws]


def _decoded_or_none(raw: bytes) -> Any:
    try:
        return _decode(raw)
    except NOT_PLAIN:
        return None


def _odd_identities(envelopes: Sequence[Envelope]) -> set[int]:
    """The places of messages whose identity, session or message id the careful way has to look at."""
    users = [envelope.userId for envelope in envelopes]
    visitors = [envelope.anonymousId for envelope in envelopes]
    odd_ids = {text for text in {*users, *visitors} if text is not None and not is_plain_id(text)}
    return {
        place
        for place, (user, visitor, envelope) in enumerate(zip(users, visitors, envelopes, strict=True))
        if (user is None and visitor is None)
        or (odd_ids and (user in odd_ids or visitor in odd_ids))
        or not envelope.messageId
        or envelope.sessionId == ""
    }
