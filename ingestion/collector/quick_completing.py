"""An event as the log keeps it: completed with what its request says, in parts around its context, not decoded.

Everything here is about bytes: whether a name stands twice, something has to be taken out, and where the context is.
Does not belong here: what an event means (`plain_fit.py`, `plain_typed.py`), what becomes of contexts.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from ingestion.collector.dialects import Unread
from ingestion.collector.limits import MAX_DEPTH, MAX_PROPERTIES, MAX_PROPERTY_NAME
from ingestion.collector.quick_contexts import ABSENT, NAME_END, Context, ContextsBeside
from ingestion.plain_typed import TypedEvent
from ingestion.privacy.cleaning import NAMES

CONTEXT = b'"context":'
_NESTED = ("context", "properties", "traits", "integrations", "_metadata")
_BESIDE = ("integrations", "_metadata")  # nobody reads them: they are looked at here, the others when they are judged

_decode_top = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Completed(msgspec.Struct, gc=False):
    """An event as the log keeps it: what stands before and behind its context, and what becomes of this.

    `context` is None where its place is not certain; all of the event then stands before it.
    """

    before: bytes
    context: Context | None
    after: bytes

    @property
    def raw(self) -> bytes:
        """The whole event."""
        return self.before if self.context is None else b"".join((self.before, self.context.completed, self.after))


class Completer:
    """Adds to the events of one request what the request says for all of them."""

    def __init__(self, unread: Unread, contexts: ContextsBeside) -> None:
        self.contexts = contexts
        self._type = None if unread.is_batch else unread.type or "track"
        sent_at = unread.sent_at
        self.sent_at = b"" if sent_at is None else b'"sentAt":' + msgspec.json.encode(sent_at) + b","
        self._type_part = b"" if self._type is None else _type_part(self._type)
        self.is_track = self._type is None or self._type == "track"

    def complete(self, raw: bytes) -> Completed | None:
        """The event as the log keeps it, or None if it needs care."""
        if not raw.startswith(b'{"') or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
            return None
        try:
            top = _top_of(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if top is None:
            return None
        sent = bytes(top["context"]) if "context" in top else ABSENT
        if b'"traits"' in sent and (self._type == "identify" or b'"identify"' in raw):
            return None  # they may be the event's own (RudderStack)
        context = self.contexts[sent]
        if context is None:
            return None
        added = self._type_part if self._type is not None and "type" not in top else b""
        if self.sent_at:
            if "sentAt" not in top:
                added += self.sent_at
            elif bytes(top["sentAt"]) == b"null":
                return None
        return _around(raw, sent, context, added)

    def added_to(self, event: TypedEvent) -> bytes | None:
        """What is added at the beginning of a message that is recognised by its type, or None if it needs care."""
        added = b""
        if event.type is UNSET:
            if self._type is None:
                return None
            added = self._type_part
        if self.sent_at:
            if event.sentAt is UNSET:
                added += self.sent_at
            elif event.sentAt is None:
                return None
        return added


@lru_cache(maxsize=16)
def _type_part(type_: str) -> bytes:
    return b'"type":' + msgspec.json.encode(type_) + b","


def start_of_context(raw: bytes, sent: bytes) -> int | None:
    """Where the context that was sent begins in its event, or None where that is not certain."""
    start = raw.find(CONTEXT) + len(CONTEXT)
    if raw.startswith(b" ", start):
        start += 1
    return start if start >= len(CONTEXT) and raw.startswith(sent, start) else None


def _around(raw: bytes, sent: bytes, context: Context, added: bytes) -> Completed | None:
    """The event with what is added at its beginning, in parts around its context.

    None where the context has to be changed and its place is not certain.
    """
    if not sent:
        if not context.completed:
            return Completed(b"".join((b"{", added, raw[1:])) if added else raw, context, b"")
        return Completed(b"".join((b"{", added, CONTEXT)), context, b"," + raw[1:])
    start = start_of_context(raw, sent)
    if start is None:
        return Completed(b"".join((b"{", added, raw[1:])), None, b"") if context.is_kept else None
    before = b"".join((b"{", added, raw[1:start])) if added else raw[:start]
    return Completed(before, context, raw[start + len(sent) :])


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
            if place in _BESIDE and not is_simple(nested, None):
                return None
    # A name that stands twice at the top is in the dictionary once.
    return top if raw.count(NAME_END) == names else None


def is_simple(raw: bytes, inside: Mapping[str, Any] | None) -> bool:
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
