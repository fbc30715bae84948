"""Masking what should not have been sent: applied once to every row of a landing, between log and lake.

Integers beyond 64 bits, which no engine reads alike, become text on the same walk.

Card numbers are always masked. E-mail addresses and phone numbers are masked, quarantined or kept as the tenant's file
says (`privacy:`), except where an event names who it is about and where the tracking plan declares a personal property.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.envelope import Arrival, EventRow, QuarantineRow
from ingestion.privacy.patterns import SUSPECT, Kind, mask
from ingestion.privacy.phones import country_of
from ingestion.scrub import scrub
from ingestion.tracking_plan.contracts import Reason
from ingestion.tracking_plan.model import Plan

WARNING = "pii_masked"
DETECTED = "pii_detected"
CARDS: frozenset[Kind] = frozenset({"card", "big_integer"})
# Who the event is about, which message it is, and when: an address may be somebody's id, and digits a message's.
_KEPT = frozenset(
    {
        *("userId", "anonymousId", "previousId", "groupId", "sessionId", "messageId", "type"),
        *("timestamp", "originalTimestamp", "sentAt", "receivedAt"),
    }
)
_KEPT_INSIDE: dict[str, frozenset[str]] = {
    "context": frozenset({"consent", "sessionId", "groupId"}),
    "properties": frozenset({"group_id", "previous_id"}),  # what the messages `group` and `alias` are about
    "traits": frozenset({"group_id"}),
}


def suspects(rows: Mapping[int, EventRow | QuarantineRow]) -> Iterator[int]:
    """The keys of rows in whose stored text something may have to be masked; nearly free for all others."""
    places = list(rows)
    texts = [row.properties if isinstance(row, EventRow) else row.payload for row in rows.values()]
    contexts = [row.context if isinstance(row, EventRow) else row.event for row in rows.values()]
    found = pc.or_kleene(suspicious(texts), suspicious(contexts))
    yield from (places[at] for at in pc.indices_nonzero(found).to_pylist())


def only_integers(arrival: Arrival, masked: Arrival) -> bool:
    """Whether nothing was found in a refused arrival but integers beyond 64 bits, which became text."""
    return all(warning.startswith("big_integer:") for warning in masked.warnings[len(arrival.warnings) :])


def suspicious(texts: Sequence[str | bytes | None] | pa.Array) -> pa.Array:
    """For each stored text, whether something in it may have to be masked."""
    found = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    if isinstance(found, pa.DictionaryArray):
        return suspicious(found.dictionary).take(found.indices)
    return pc.match_substring_regex(found, SUSPECT)


class _Declared(NamedTuple):
    """Properties of one event by their names, the platform's own and the canonical ones."""

    personal: frozenset[str]
    numbers: frozenset[str]  # their columns are doubles, which take any integer


class Masker:
    """Masks the events of one tenant by its policy."""

    def __init__(self, plan: Plan, tenant: str) -> None:
        self._plan = plan
        self._tenant = tenant
        own = plan.tenants.get(tenant)
        self._country = (own.country or country_of(own.time_zone)) if own is not None else ""
        policy: dict[Kind, str] = {"card": "mask"}
        if own is not None:
            policy |= {"email": own.privacy.email, "phone": own.privacy.phone}
        else:
            policy |= {"email": "mask", "phone": "mask"}
        self._kinds: frozenset[Kind] = frozenset(
            {"big_integer", *(kind for kind, what in policy.items() if what != "keep")}
        )
        self._refused: frozenset[Kind] = frozenset(kind for kind, what in policy.items() if what == "quarantine")
        self._declared = lru_cache(maxsize=1024)(self._declared_properties)

    def mask(self, arrival: Arrival, *, is_accepted: bool) -> Arrival | None:
        """The arrival as it may be stored, to be judged anew; None where there was nothing to mask.

        An accepted event in which something was found that the tenant's policy quarantines gets a reason for it.
        """
        found: dict[str, Kind] = {}
        message = self._masked(arrival.message, found)
        if not found:
            return None
        refused = [(path, kind) for path, kind in found.items() if kind in self._refused]
        if is_accepted and refused:
            reasons = tuple(Reason(path, DETECTED, _words(kind, self._tenant)) for path, kind in refused)
            return replace(arrival, message=message, reasons=(*arrival.reasons, *reasons))
        noted = (f"{kind if kind == 'big_integer' else WARNING}:{path}" for path, kind in found.items())
        return replace(arrival, message=message, warnings=(*arrival.warnings, *noted))

    def _masked(self, message: dict[str, Any] | bytes, found: dict[str, Kind]) -> dict[str, Any] | bytes:
        if isinstance(message, bytes):
            return self._text(message.decode("utf-8", "surrogateescape"), self._kinds, "", "", found).encode(
                "utf-8", "surrogateescape"
            )
        try:
            return self._message(message, found)
        except RecursionError:
            return self._message(scrub(message)[0], found)

    def _message(self, message: dict[str, Any], found: dict[str, Kind]) -> dict[str, Any]:
        kind, name = message.get("type"), message.get("event")
        declared = self._declared(kind if isinstance(kind, str) else "", name if isinstance(name, str) else "")
        masked: dict[str, Any] = {}
        for key, value in message.items():
            if key in _KEPT:
                masked[key] = value
            elif key in _KEPT_INSIDE and isinstance(value, dict):
                masked[key] = self._object(value, key, declared, _KEPT_INSIDE[key], found)
            else:
                self._put(masked, key, value, self._kinds, "", found)
        return masked

    def _object(
        self,
        value: dict[str, Any],
        path: str,
        declared: "_Declared",
        kept: frozenset[str],
        found: dict[str, Kind],
    ) -> dict[str, Any]:
        """Properties, traits or context: some of their parts are kept, personal ones but for card numbers."""
        masked: dict[str, Any] = {}
        for key, item in value.items():
            if key in kept:
                masked[key] = item
            else:
                kinds = self._kinds
                if path != "context" and key in declared.personal:
                    kinds = CARDS
                elif path != "context" and key in declared.numbers:
                    kinds = self._kinds - {"big_integer"}
                self._put(masked, key, item, kinds, path, found)
        return masked

    def _put(
        self, masked: dict[str, Any], key: str, value: Any, kinds: frozenset[Kind], path: str, found: dict[str, Kind]
    ) -> None:
        """Mask a value and its name. Names that become equal by it are told apart, so that no value is lost."""
        name = self._text(key, kinds, "", path, found)
        if name != key:
            number = 1
            while name in masked:
                number += 1
                name = f"{mask(key, kinds, country=self._country)[0]} {number}"
        masked[name] = self._value(value, kinds, name, f"{path}.{name}" if path else name, found)

    def _value(self, value: Any, kinds: frozenset[Kind], key: str, path: str, found: dict[str, Kind]) -> Any:
        if isinstance(value, str):
            return self._text(value, kinds, key, path, found)
        if isinstance(value, dict):
            inside: dict[str, Any] = {}
            for name, item in value.items():
                self._put(inside, name, item, kinds, path, found)
            return inside
        if isinstance(value, list):
            return [self._value(item, kinds, key, path, found) for item in value]
        if type(value) is int:
            if not -(2**63) <= value < 2**63:
                if "big_integer" not in kinds:
                    return value
                found[path] = "big_integer"
                return f"{Decimal(value):f}"
            text = str(value)
            masked = self._text(text, kinds, key, path, found)
            return value if masked == text else masked
        return value

    def _text(self, text: str, kinds: frozenset[Kind], key: str, path: str, found: dict[str, Kind]) -> str:
        masked, what = mask(text, kinds, key, self._country)
        for kind in what:
            # What has to be quarantined is not forgotten because something else was found in the same place.
            if path not in found or kind in self._refused:
                found[path] = kind
        return masked

    def _declared_properties(self, kind: str, name: str) -> "_Declared":
        """What the plan says of the properties of an event."""
        tenant = self._plan.tenants.get(self._tenant)
        alias = tenant.events.get(name) or tenant.events.get(name.strip()) if tenant is not None else None
        event = alias.event if alias is not None else name
        if kind != "track":
            event = next((c.event for c in self._plan.events.values() if c.type == kind), "")
        contract = self._plan.events.get(event)
        declared = {**self._plan.common.properties, **(contract.properties if contract is not None else {})}
        if alias is not None:
            declared |= {theirs: declared[ours] for theirs, ours in alias.properties.items() if ours in declared}
        return _Declared(
            frozenset(name for name, prop in declared.items() if prop.pii != "none"),
            frozenset(name for name, prop in declared.items() if prop.type == "number"),
        )


def _words(kind: Kind, tenant: str) -> str:
    what = {"email": "an e-mail address", "phone": "a phone number", "card": "a card number"}.get(kind, kind)
    return f"{what} stands where none belongs (privacy.{kind} of tenant {tenant} is quarantine); it was masked"
