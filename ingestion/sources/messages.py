"""Messages in Segment's shape from the evaluated rows of a file."""

from collections.abc import Mapping as Map
from typing import Any

from ingestion.envelope import oversize
from ingestion.sources.expressions import Expressions
from ingestion.sources.file_rows import key_columns
from ingestion.sources.local_time import Clock
from ingestion.sources.mapping import Mapping
from ingestion.tracking_plan import Plan, Reason

MISSING_TIME = "missing_timestamp"
SKIPPED = "skipped_local_time"  # clocks went forward over it
_PROPERTY = "properties."


class Messages:
    """Messages in Segment's shape from evaluated rows."""

    def __init__(self, mapping: Mapping, plan: Plan, clock: Clock, expressions: Expressions) -> None:
        self._utc, self._skips = clock.utc, clock.skips
        self._currency = mapping.currency
        self._contracts = {name: (c.type, "currency" in c.properties) for name, c in plan.events.items()}
        first = 1 + len(key_columns(mapping))  # behind the row's number and its key
        at = {field: place for place, field in enumerate(expressions.fields, start=first)}
        self._event, self._event_at = at["event"], at["event_at"]
        self._user_id, self._anonymous_id = at.get("user_id"), at.get("anonymous_id")
        properties = {field: place for field, place in at.items() if field.startswith(_PROPERTY)}
        self._plain = [(_name(f), place) for f, place in properties.items() if f not in expressions.times]
        self._times = [(_name(f), place) for f, place in properties.items() if f in expressions.times]

    def of(self, value: tuple[Any, ...], message_id: str) -> dict[str, Any]:
        """The message of one row."""
        event = value[self._event]
        kind, has_currency = self._contracts.get(event, ("track", False))
        properties = {name: found for name, place in self._plain if (found := value[place]) is not None}
        for name, place in self._times:
            if value[place] is not None:
                properties[name] = self._utc(value[place])
        if has_currency and "currency" not in properties:
            properties["currency"] = self._currency
        message: dict[str, Any] = {"type": kind, "event": event, "messageId": message_id}
        message["traits" if kind in ("identify", "group") else "properties"] = properties
        event_at = value[self._event_at]
        if event_at is not None:
            message["timestamp"] = self._utc(event_at)
        if self._user_id is not None and value[self._user_id]:
            message["userId"] = value[self._user_id]
        if self._anonymous_id is not None and value[self._anonymous_id]:
            message["anonymousId"] = value[self._anonymous_id]
        return message

    def warnings(self, value: tuple[Any, ...]) -> tuple[str, ...]:
        """What is to be noted of a row whose message was made: which of its local times do not occur."""
        times = [("timestamp", self._event_at), *self._times]
        return tuple(f"{SKIPPED}:{name}" for name, place in times if self._skips(value[place]))


def unfit(message: Map[str, Any], size: int) -> tuple[Reason, ...]:
    """Why a file's event of so many bytes of JSON is refused whatever the plan says; empty if it is not.

    Without a time it would be booked on the day on which the file came.
    """
    timeless = Reason("timestamp", MISSING_TIME, "the row has no time: the mapping's event_at has no value for it")
    found = (oversize(size), None if message.get("timestamp") else timeless)
    return tuple(reason for reason in found if reason is not None)


def _name(field: str) -> str:
    return field.removeprefix(_PROPERTY)
