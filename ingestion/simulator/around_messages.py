"""Messages of what happens around the visits: a batch is written column by column, in the platform's own names."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingestion.simulator.around import Around
from ingestion.simulator.columns import Deliveries, Fault, Ints, uuid_texts
from ingestion.simulator.concerns.base import Batch, Values
from ingestion.simulator.people import People
from ingestion.simulator.voice import Naming, naming, namings
from ingestion.tracking_plan import Plan, Tenant

SERVER: dict[str, Any] = {"library": {"name": "platform-server", "version": "3.1"}}
Message = dict[str, Any]


class AroundWriter:
    """Writes the messages of one world's concerns, without times."""

    def __init__(
        self,
        around: Around,
        people: People,
        plan: Plan,
        tenant: Tenant,
        users: Sequence[str],
        context: Callable[[int], Message],
    ) -> None:
        self._around, self._people, self._users, self._context = around, people, users, context
        self._plan, self._names = plan, namings(tenant)
        self._system = f"service-{tenant.tenant}"

    def at(self, deliveries: Deliveries) -> Ints:
        """When each of these happened (epoch milliseconds)."""
        at = np.zeros(len(deliveries), dtype=np.int64)
        for batch, rows, places in self._parts(deliveries):
            at[places] = batch.at[rows]
        return at

    def messages(self, deliveries: Deliveries) -> list[Message]:
        """One message for each delivery, in their order."""
        found: list[Message] = [{}] * len(deliveries)
        ids = uuid_texts(deliveries.high, deliveries.low)
        faults = deliveries.fault.tolist()
        for batch, rows, places in self._parts(deliveries):
            own = naming(self._names, batch.event)
            made = _bodies(batch, own, rows)
            senders = self._senders(batch, rows)
            for place, body, sender in zip(places.tolist(), made, senders, strict=True):
                message = {"messageId": ids[place], **sender}
                if faults[place]:
                    self._spoil(batch.event, own, body, faults[place])
                found[place] = message | _shape(batch.event, own, body)
        return found

    def _parts(self, deliveries: Deliveries) -> list[tuple[Batch, Ints, Ints]]:
        """Batch by batch: which of its rows are delivered, and at which places among the deliveries."""
        number = np.searchsorted(self._around.starts, deliveries.event, side="right") - 1
        order = np.argsort(number, kind="stable")
        bounds = np.flatnonzero(np.diff(number[order])) + 1
        return [
            (self._around.batches[n], deliveries.event[places] - self._around.starts[n], places)
            for places in np.split(order, bounds)
            if len(places)
            for n in [int(number[places[0]])]
        ]

    def _senders(self, batch: Batch, rows: Ints) -> list[Message]:
        """Who sends each row and with what context."""
        if batch.person is None:
            return [{"anonymousId": self._system, "context": SERVER}] * len(rows)
        persons = batch.person[rows].tolist()
        if batch.device is None:
            return [{"userId": self._users[p], "context": SERVER} for p in persons]
        devices = batch.device[rows]
        known = np.ones(len(rows), dtype=np.bool_) if batch.known is None else batch.known[rows]
        ids = self._people.anonymous_ids
        return [
            {"anonymousId": ids[d], "context": self._context(d)} | ({"userId": self._users[p]} if k else {})
            for p, d, k in zip(persons, devices.tolist(), known.tolist(), strict=True)
        ]

    def _spoil(self, event: str, own: Naming, body: Message, fault: int) -> None:
        """Make it a message that the tracking plan must refuse."""
        required = [name for name, prop in self._plan.events[event].properties.items() if prop.required]
        if fault == Fault.MISSING and required:
            body.pop(own.key(required[0]), None)
        else:
            body["\0event"] = "Something Unheard Of"


def _bodies(batch: Batch, own: Naming, rows: Ints) -> list[Message]:
    keys = [own.key(name) for name in batch.properties]
    columns = [_taken(column, rows) for column in batch.properties.values()]
    if any(None in column for column in columns):
        return [
            {key: value for key, value in zip(keys, values, strict=True) if value is not None}
            for values in zip(*columns, strict=True)
        ]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def _taken(column: Values, rows: Ints) -> list[Any]:
    """Some rows of a column as plain Python values."""
    if isinstance(column, np.ndarray):
        taken: list[Any] = column[rows].tolist()
        return taken
    return [column[row] for row in rows.tolist()]


def _shape(event: str, own: Naming, body: Message) -> Message:
    unheard = body.pop("\0event", None)
    if unheard is not None:
        return {"type": "track", "event": unheard, "properties": body}
    if event == "user_identified":
        return {"type": "identify", "traits": body}
    if event == "group_joined":
        return {"type": "group", "groupId": body.pop("group_id", ""), "traits": body}
    return {"type": "track", "event": own.event, "properties": body}
