"""Recognising the events of suppressed people, so that whoever stores events drops and counts them first.

A person may be suppressed by any id: it counts wherever an event names who it is about (`userId`, `anonymousId`,
`previousId`, the e-mail address among the traits), whatever kind it was given as.
"""

import hmac
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date
from functools import lru_cache
from typing import Any

from almanac.settings import Settings
from almanac.state import SuppressedIds, hash_id, open_state, suppressed_ids
from ingestion.envelope import Arrival

_TOP = ("userId", "anonymousId", "previousId")
# As a client that is set up wrongly writes them: its events have none of the others, are refused, and are kept.
_WRONG = ("user_id", "anonymous_id", "previous_id", "distinct_id", "email")
_ABOUT_PEOPLE = frozenset({"identify", "group"})  # their properties may stand in place of traits
# Bytes that are no JSON cannot be read as an event; a person named in them is found by how ids are written.
_NAMED = re.compile(
    rb'"(?:userId|anonymousId|previousId|user_id|anonymous_id|previous_id|distinct_id|email)"\s*:\s*'
    rb'("(?:[^"\\]|\\.)*"|-?\d+)'
)
# Sessions send many events with the same ids; so many decisions are remembered for each tenant.
_REMEMBERED = 65_536


class SuppressedPeople:
    """The suppressed people of one tenant, who has at least one."""

    def __init__(self, tenant: str, secret: bytes, hashes: frozenset[str]) -> None:
        def is_suppressed(text: str) -> bool:
            return hash_id(secret, tenant, text) in hashes

        self._is_suppressed = lru_cache(maxsize=_REMEMBERED)(is_suppressed)
        self._secret = secret

    def __contains__(self, value: object) -> bool:
        """Whether an id (text, or a whole number by its digits) is suppressed."""
        kind = type(value)
        if isinstance(value, float) and value.is_integer():
            value = str(int(value))  # a table of numbers with holes makes 4711.0 of 4711
        elif kind is int:
            value = str(value)
        elif kind is not str or not value:
            return False
        return self._is_suppressed(value)

    def owns(self, message: object) -> bool:
        """Whether an event in Segment's shape, or bytes that could not be read as one, is about a suppressed person."""
        if isinstance(message, bytes):
            return self.mentioned_in(message)
        return isinstance(message, dict) and any(value in self for value in _ids(message))

    def mentioned_in(self, raw: bytes) -> bool:
        """Whether bytes hold a suppressed id where an id is usually written."""
        return any(_value(found[1]) in self for found in _NAMED.finditer(raw))

    def seal(self, content: bytes) -> str:
        """A keyed hash of what was dropped: the same for the same, and no help to who would guess what it was."""
        return hmac.digest(self._secret, content, "sha256").hex()


class Suppression:
    """Everybody who is suppressed, as of one moment."""

    def __init__(self, ids: SuppressedIds | None = None) -> None:
        by_tenant = ids.by_tenant if ids is not None else {}
        secret = ids.secret if ids is not None else b""
        self._people = {tenant: SuppressedPeople(tenant, secret, hashes) for tenant, hashes in by_tenant.items()}

    def of(self, tenant: str) -> SuppressedPeople | None:
        """The suppressed people of a tenant; None where there is nobody, so that asking costs nothing."""
        return self._people.get(tenant)

    def split(self, tenant: str, arrivals: Sequence[Arrival]) -> tuple[list[Arrival], dict[date, int]]:
        """What of these arrivals may be stored, and how many may not per UTC day of arrival (as `Lake.land` asks)."""
        people = self.of(tenant)
        if people is None:
            return list(arrivals), {}
        kept = [arrival for arrival in arrivals if not people.owns(arrival.message)]
        dropped = Counter(arrival.received_at.astimezone(UTC).date() for arrival in arrivals)
        dropped.subtract(arrival.received_at.astimezone(UTC).date() for arrival in kept)
        return kept, {day: count for day, count in dropped.items() if count}


def load_suppression(settings: Settings) -> Suppression:
    """Everybody who is suppressed now. Raises AlmanacError if that cannot be known."""
    if settings.state_dsn is None and not (settings.home / "state.db").exists():
        return Suppression()  # nobody can have been suppressed yet
    state = open_state(settings)
    try:
        return Suppression(suppressed_ids(state, settings.suppression_secret))
    finally:
        state.close()


def _ids(message: dict[str, Any]) -> Iterator[object]:
    """The values by which an event names who it is about."""
    is_named = False
    for field in _TOP:
        value = message.get(field)
        if value is not None:
            is_named = is_named or value != ""
            yield value
    if not is_named:
        yield from map(message.get, _WRONG)
    kind = message.get("type")
    traits = message.get("traits")
    if type(traits) is dict:
        yield traits.get("email")
    elif type(kind) is str and kind in _ABOUT_PEOPLE:
        yield from _among(message.get("properties"), "email")
    if kind == "alias":
        yield from _among(message.get("properties"), "previous_id")
    context = message.get("context")
    if type(context) is dict:
        yield from _among(context.get("traits"), "email")


def _among(place: object, field: str) -> Iterable[object]:
    return (place.get(field),) if isinstance(place, dict) else ()


def _value(written: bytes) -> object:
    """The value of a JSON string or integer; None where even that cannot be read."""
    try:
        return json.loads(written.decode("utf-8", "replace"), strict=False)
    except ValueError:
        return None
