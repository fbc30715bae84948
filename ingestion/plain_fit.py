"""Whether an event would surely be accepted, asked at the door: no columns are made of it, one look at each value.

The question is a little wider than that of `plain_events`: what is accepted with a warning (an undeclared name, a value
that is converted) is fit too, for the landing judges it again and keeps the warning. `envelope.to_row` defines what is
right; an event that is not recognised here is judged by it, and a property test holds both against each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ingestion.identity import is_plain_id
from ingestion.plain_events import NOT_PLAIN, Envelope, PlainEvents, properties_of, read_envelopes
from ingestion.tracking_plan.contracts import Spec, is_blank
from ingestion.tracking_plan.judge import BESIDE, renamed
from ingestion.tracking_plan.model import Plan
from ingestion.tracking_plan.plain import known_event

_LARGEST = 2**63  # of a whole number that every store can hold

_decode = msgspec.json.Decoder().decode


class Fit(NamedTuple):
    """An event that would be accepted, its properties (or traits) as the client sent them, and whether silently."""

    envelope: Envelope
    properties: Mapping[str, Any]
    raw_properties: bytes
    is_silent: bool  # without a warning of its contract


class _Contract(NamedTuple):
    """How the properties of one event name are looked at."""

    rename: Mapping[str, str]
    beside: tuple[tuple[str, str], ...]
    specs: Mapping[str, Spec]
    required: tuple[str, ...]


class PlainFit:
    """Recognises what one tenant may send. It remembers contexts: use one for as many events as possible."""

    def __init__(self, plan: Plan, tenant: str) -> None:
        self._plan = plan
        self._tenant = tenant
        self._events = PlainEvents(plan, tenant)
        self._contracts: dict[tuple[str, str | None], _Contract | None] = {}

    def of(self, raws: Sequence[bytes]) -> list[Fit | None]:
        """For each event, its parts if it would surely be accepted; None says nothing.

        An event needs no `to_row` before it is logged if it is fit, because its times never refuse it. `raw` is what
        the log would keep: completed (type, context) and without credentials or addresses. The door's own limits (size,
        names, depth, length of the message id, names that stand twice) are not looked at.
        """
        return [None if envelope is None else self._fit(envelope) for envelope in read_envelopes(raws)]

    def knows_context(self, context: bytes) -> bool:
        """Whether this context (empty if there is none), as the log would keep it, is taken without a word."""
        return not context or self._events.context(context) is not None

    def context_text(self, context: bytes) -> bytes | None:
        """The text with which a context is stored that is taken without a word; None for others, and without one."""
        found = self._events.context(context) if context else None
        return None if found is None else found.text

    def _fit(self, envelope: Envelope) -> Fit | None:
        kind = envelope.type
        name = envelope.event if kind == "track" else None
        try:
            contract = self._contracts[kind, name]
        except KeyError:
            contract = self._contract(kind, name)
        if contract is None or not has_identity(envelope):
            return None
        if not self.knows_context(bytes(envelope.context)):
            return None
        raw = properties_of(envelope, kind)
        try:
            given = _decode(raw)
        except NOT_PLAIN:
            return None
        if type(given) is not dict:
            return None
        is_silent = _satisfies(given, contract, envelope)
        return None if is_silent is None else Fit(envelope, given, raw, is_silent)

    def _contract(self, kind: str, name: str | None) -> _Contract | None:
        known = known_event(self._plan, self._tenant, kind, name)
        if known is None:
            return None  # strangers' names are not remembered
        contract = _Contract(known.rename, BESIDE.get(kind, ()), known.specs, known.required)
        self._contracts[kind, name] = contract
        return contract


def has_identity(event: Any) -> bool:
    """Whether a message's ids are taken without a word, given its envelope (a field may be UNSET)."""
    user, visitor = event.userId or None, event.anonymousId or None
    if user is None and visitor is None:
        return False
    if (user is not None and not is_plain_id(user)) or (visitor is not None and not is_plain_id(visitor)):
        return False
    return bool(event.messageId) and event.sessionId != ""


def _satisfies(given: dict[str, Any], contract: _Contract, envelope: Envelope) -> bool | None:
    """Whether the contract takes these properties without a word; None if it may not take them."""
    for field, name in contract.beside:
        value = getattr(envelope, field)
        if value is not None and given.get(name) is None:
            given = {**given, name: value}
    if contract.rename:
        given = renamed(given, contract.rename)
    parsed: dict[str, Any] = {}
    is_silent = _parse(given, contract.specs, parsed)
    if is_silent is None or any(is_blank(parsed.get(name, given.get(name))) for name in contract.required):
        return None
    return is_silent


def _parse(given: Mapping[str, Any], specs: Mapping[str, Spec], parsed: dict[str, Any]) -> bool | None:
    """Parse the values that cannot be taken as they are; whether none gets a warning, or None if one needs care."""
    is_silent = True
    for name, value in given.items():
        kind = type(value)
        spec = specs.get(name)
        if value is None or (spec is not None and kind is spec.as_is):
            is_silent = is_silent and spec is not None
            continue
        if kind is dict or kind is list or (kind is int and not -_LARGEST <= value < _LARGEST):
            return None
        if spec is None:
            is_silent = False
            continue
        try:
            parsed[name] = spec.parse(value)
        except ValueError:
            return None
        is_silent = is_silent and (spec.natural is None or kind in spec.natural)
    return is_silent
