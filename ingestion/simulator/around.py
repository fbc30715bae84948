"""Everything around the visits: the concerns of a tenant unfolded, delivered, and as far as it has arrived."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.business import Business
from ingestion.simulator.calendar import Calendar
from ingestion.simulator.columns import Deliveries, Events, Ints, stream
from ingestion.simulator.concerns.base import Batch, Today, spots_of
from ingestion.simulator.disorder import deliver_batch
from ingestion.simulator.market import Market
from ingestion.simulator.people import People
from ingestion.simulator.retold import deliver_retold, retold


@dataclass(frozen=True)
class Around:
    """Batches of events, and what of them reached the door before the end of the world, in order of arrival.

    `Deliveries.event` counts the rows of all batches one after the other; batch n begins at `starts[n]`.
    """

    batches: tuple[Batch, ...]
    starts: Ints
    received: tuple[Ints, ...]  # of each batch's originals, also those that have not arrived
    deliveries: Deliveries


@dataclass
class Unfolding:
    """Collects the concerns of a world, day by day."""

    business: Business
    seed: int
    people: People
    market: Market
    calendar: Calendar
    memory: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    deliveries: list[Deliveries] = field(default_factory=list)
    rows: int = 0

    def day(self, day: int, events: Events, received: Ints, doomed: Ints, present: Ints) -> None:
        """Plan and deliver one local day (ordinal), given what its visits did and when that reaches the door."""
        spots = spots_of(events, received)
        for number, concern in enumerate(self.business.concerns):
            name = f"{type(concern).__name__.lower()}/{number}"
            today = Today(
                business=self.business,
                seed=self.seed,
                day=day,
                since=day - self.calendar.first,
                start=self.calendar.start(day),
                people=self.people,
                market=self.market,
                events=events,
                spots=spots,
                doomed=doomed,
                present=present,
                memory=self.memory.setdefault(name, {}),
            )
            rng = stream(self.seed, self.business.tenant, f"disorder/{name}", day)
            # A stream of its own: what is told once is the same with and without what is told again.
            again = stream(self.seed, self.business.tenant, f"retold/{name}", day)
            for batch in concern.events_of(today):
                if len(batch):
                    delivered = deliver_batch(self.business.disorder, self.people, batch, self.rows, rng)
                    self._add(batch, delivered)
                    repeated = retold(self.business.disorder, batch, delivered.received[: len(batch)], again)
                    if len(repeated):
                        deliveries = deliver_retold(self.business.disorder, self.people, repeated, self.rows, again)
                        self._add(repeated, deliveries)

    def _add(self, batch: Batch, deliveries: Deliveries) -> None:
        self.deliveries.append(deliveries)
        self.batches.append(batch)
        self.rows += len(batch)

    def until(self, end: int) -> Around:
        """What has reached the door before an instant (epoch milliseconds)."""
        sizes = [len(batch) for batch in self.batches]
        starts = np.concatenate(([0], np.cumsum(sizes)))[:-1].astype(np.int64)
        received = tuple(d.received[:size] for d, size in zip(self.deliveries, sizes, strict=True))
        arrived = Deliveries.concat([d.take(d.received < end) for d in self.deliveries] or [Deliveries.none()])
        order = np.lexsort((arrived.event, arrived.received))
        return Around(tuple(self.batches), starts, received, arrived.take(order))


NOTHING = Around((), np.zeros(0, dtype=np.int64), (), Deliveries.none())
