"""What becomes of the contexts of one tenant's events, remembered: clients send the same one with event after event."""

from typing import Any, NamedTuple

import msgspec

from ingestion.collector.dialects import Item
from ingestion.collector.enrich import Enricher
from ingestion.collector.limits import MAX_DEPTH
from ingestion.collector.messages import Unreadable, read, repeats_names
from ingestion.enrichment import Parts
from ingestion.plain_fit import PlainFit
from ingestion.privacy.cleaning import clean

NAME_END = b'":'
ABSENT = b""
_REMEMBERED = 8_192  # at one time

_encode = msgspec.json.Encoder().encode


class Context(NamedTuple):
    """A context as clients send it, and what becomes of it."""

    completed: bytes
    names: int  # how many there are in it as it was sent
    is_plain: bool  # whether it is taken without a word
    text: bytes | None  # with which a settled event has it (empty: it has none); None if no such event can
    is_kept: bool  # whether nothing becomes of it


class Contexts:
    """The contexts of one tenant, by what their request says for all of them."""

    def __init__(self, enricher: Enricher, plain: PlainFit) -> None:
        self._enricher = enricher
        self._plain = plain
        self._known: dict[bytes, ContextsBeside] = {}
        self._count = 0

    def beside(self, common: Parts) -> "ContextsBeside":
        """Those of requests that say this."""
        key = _encode(common) if common else b""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = ContextsBeside(self, common)
        return found

    def look(self, raw: bytes, common: Parts) -> Context | None:
        """What becomes of a context that was not looked at before."""
        self._count += 1
        if self._count > _REMEMBERED:
            self._count = 0
            # A request that is being judged goes on with those that it has; they are forgotten with it.
            self._known.clear()
        completed = self._completed(raw, common)
        if completed is None:
            return None
        text = self._plain.context_text(completed) if completed else ABSENT
        is_plain = self._plain.knows_context(completed)
        return Context(completed, raw.count(NAME_END), is_plain, text, completed == raw)

    def _completed(self, raw: bytes, common: Parts) -> bytes | None:
        message: dict[str, Any] = {}
        if raw.count(b"{") + raw.count(b"[") >= MAX_DEPTH:
            return None
        if raw is not ABSENT:
            try:
                message = {"context": read(raw)}
            except Unreadable:
                return None
            if type(message["context"]) is not dict or repeats_names(raw, message["context"]):
                return None
            if clean(message, deep=True):
                return None
        start = b'{"context":'
        given = Item(start + raw + b"}" if message else b'{"-":0}', message)
        item = self._enricher.item(given, common)
        if item is given:
            return raw
        end = -1 if message else -len(b',"-":0}')
        return item.raw[len(start) : end] if item.raw.startswith(start) else None


class ContextsBeside(dict[bytes, Context | None]):
    """What becomes of a context (empty: none was sent) in a request that says `common`; None where it needs care.

    One that is not known yet is looked at when it is asked for, as in a `defaultdict`.
    """

    def __init__(self, contexts: Contexts, common: Parts) -> None:
        super().__init__()
        self._contexts = contexts
        self._common = common

    def __missing__(self, raw: bytes) -> Context | None:
        """Look at it."""
        found = self[raw] = self._contexts.look(raw, self._common)
        return found
