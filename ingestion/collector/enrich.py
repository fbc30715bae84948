"""What a request and an event's own context say of device, browser, system and place is added to the event's context.

It happens before the door takes the address away. What a client states stays as it is, at every level of the context.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from ingestion.collector.dialects import Found, Item
from ingestion.collector.messages import Unreadable, write
from ingestion.enrichment import (
    Parts,
    Places,
    describe,
    from_headers,
    from_user_agent_data,
    is_a_persons_device,
)
from ingestion.envelope import MAX_EVENT_BYTES

_encode = msgspec.json.Encoder().encode
_CONTEXT = b'"context"'
_OPENED = re.compile(rb'"context"\s*:\s*\{(?=\s*")')
# Letters of a name may be written as escapes; nobody does, and then the event is simply written anew.
_ESCAPED_LETTER = re.compile(rb"\\u00[67]")
_NO_PARTS: Parts = {}
_TELLING = ("userAgent", "userAgentData")
_AGENT = b'"userAgent'


class Enricher:
    """Adds to events what can be told about the people who send them."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def prepare(self) -> None:
        """Load now what the first event with a user agent would have to wait for, and all others with it."""
        describe("Mozilla/5.0")

    def enrich(self, found: Found, headers: Mapping[bytes, bytes], peer: str | None) -> Found:
        """The same events, with more context. `peer` is the address of the other end of the connection."""
        common = self.of_request(headers, peer)
        beside = found.context if isinstance(found.context, dict) else {}
        # Most events of servers say nothing of a device; searching their bytes costs next to nothing.
        is_said = bool(common) or self._places.knows_addresses or not beside.keys().isdisjoint(_TELLING)
        items = [self._item(item, common, beside) if is_said or _AGENT in item.raw else item for item in found.items]
        return replace(found, items=items)

    def of_request(self, headers: Mapping[bytes, bytes], peer: str | None) -> Parts:
        """What the request says; nothing if a server sends it, which is not where the person is."""
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        if not agent or not is_a_persons_device(agent):
            return _NO_PARTS
        parts = _over(describe(agent), from_headers(headers))
        place = self._places.of_request(headers, peer)
        return {**parts, "location": place} if place else parts

    def item(self, item: Item, common: Parts) -> Item:
        """One event without a batch's context, with more context; the same object if there is nothing to add."""
        is_said = bool(common) or self._places.knows_addresses or _AGENT in item.raw
        return self._item(item, common, {}) if is_said else item

    def _item(self, item: Item, common: Parts, beside: Mapping[str, Any]) -> Item:
        message = item.value
        if item.fault is not None or type(message) is not dict:
            return item
        own = message.get("context")
        if own is None:
            own = {}
        elif type(own) is not dict:
            return item
        parts = self._parts(own, common, beside)
        added = _unstated(parts, own, beside) if parts else parts
        return _with_context(item, message, own, added) if added else item

    def _parts(self, own: Mapping[str, Any], common: Parts, beside: Mapping[str, Any]) -> Parts:
        """What is known about one event: by its own context, else by the batch's, else by the request."""
        parts = common
        agent = own.get("userAgent") or beside.get("userAgent")
        if type(agent) is str:
            parts = _over(parts, describe(agent))
        data = own.get("userAgentData") or beside.get("userAgentData")
        if data:
            parts = _over(parts, from_user_agent_data(data))
        if self._places.knows_addresses:
            address = own.get("ip") or beside.get("ip")
            place = self._places.of_address(address) if type(address) is str else None
            if place:
                parts = {**parts, "location": place}
        return parts


def _over(parts: Parts, better: Parts) -> Parts:
    if not better:
        return parts
    return {**parts, **better} if parts else better


def _unstated(parts: Parts, own: Mapping[str, Any], beside: Mapping[str, Any]) -> Parts:
    """What neither the event nor its batch states. A stated place stays whole: half of another one would be wrong."""
    unstated: Parts = {}
    for name, known in parts.items():
        stated: list[Any] = [part for part in (own.get(name), beside.get(name)) if not _is_empty(part)]
        if not stated:
            unstated[name] = known
        elif name != "location" and all(isinstance(part, dict) for part in stated):
            rest = {key: value for key, value in known.items() if all(_is_empty(part.get(key)) for part in stated)}
            # A version belongs to the name that it came with.
            if rest and ("name" in rest or "name" not in known):
                unstated[name] = rest
    return unstated


def _with_context(item: Item, message: dict[str, Any], own: dict[str, Any], added: Parts) -> Item:
    """The event with `added` in its context; its other bytes stay what the client sent, as far as that is possible."""
    raw = item.raw
    merged = {**own, **{name: _filled(part, own.get(name)) for name, part in added.items()}}
    longer = None
    if own.keys().isdisjoint(added) and not _ESCAPED_LETTER.search(raw):
        longer = _spliced(raw, added, has_own=bool(own))
    if longer is None:
        try:
            longer = write({**message, "context": merged})
        except Unreadable:
            return item
    if len(longer) > MAX_EVENT_BYTES >= len(raw):
        return item  # it must not become too large by what we add
    message["context"] = merged
    return item._replace(raw=longer)


def _spliced(raw: bytes, added: Parts, *, has_own: bool) -> bytes | None:
    """The bytes of an event with more in its context, or None where its place cannot be told for certain.

    `has_own` says that the event has a context that holds something: else the name may be that of a property.
    """
    count = raw.count(_CONTEXT)
    if count == 0 and raw.startswith(b'{"'):
        return b'{"context":' + _encode(added) + b"," + raw[1:]
    opened = _OPENED.search(raw) if count == 1 and has_own else None
    if opened is None:
        return None
    return b"".join((raw[: opened.end()], _encode(added)[1:-1], b",", raw[opened.end() :]))


def _filled(part: dict[str, str], stated: Any) -> dict[str, Any]:
    """A part as the client states it, with what is missing or empty in it."""
    if not isinstance(stated, dict):
        return dict(part)
    return {**part, **{key: value for key, value in stated.items() if not _is_empty(value) or key not in part}}


def _is_empty(value: Any) -> bool:
    """Whether a field says nothing; some libraries send an empty text for what they do not know."""
    return value is None or value == ""
