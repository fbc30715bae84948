"""Unfolds a tenant's world day by day, up to an instant."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from ingestion.simulator.around import NOTHING, Around, Unfolding
from ingestion.simulator.business import Business
from ingestion.simulator.calendar import Calendar, local_date, milliseconds
from ingestion.simulator.columns import Deliveries, Events, stream
from ingestion.simulator.disorder import deliver
from ingestion.simulator.market import Market
from ingestion.simulator.people import People, draw_people
from ingestion.simulator.sessions import Listings, day_events
from ingestion.simulator.visits import Memory, draw_visits


@dataclass(frozen=True)
class World:
    """What happened to one tenant, and what of it reached the door before `until`."""

    business: Business
    calendar: Calendar
    people: People
    listings: Listings
    events: Events  # also those that have not arrived yet
    deliveries: Deliveries  # received before `until`, in order of arrival
    until: int  # epoch milliseconds UTC
    around: Around = NOTHING  # what happened beside the visits

    def arrived(self) -> Events:
        """The good events of which the original has arrived, in the order of planning."""
        d = self.deliveries
        return self.events.take(np.sort(d.event[~d.copy & (d.fault == 0)]))


def unfold(
    business: Business, zone: str, seed: int, users: int, first_day: date, until: datetime, *, is_whole: bool = False
) -> World:
    """The world of `users` persons from local day `first_day` on, as far as it has arrived before `until` (aware).

    The same arguments give the same world, and a later `until` continues it: what arrived before does not change.
    `zone` is the tenant's IANA time zone. With `is_whole` the concerns around the visits are unfolded too; the visits
    are the same with and without them.
    """
    last = max(local_date(zone, until), first_day)
    calendar = Calendar.of(zone, first_day, last)
    people = draw_people(business, seed, users)
    listings = Listings.of(business.offer, business.tenant, seed)
    memory = Memory(identified=np.zeros(2 * users, dtype=np.bool_))
    events: list[Events] = []
    deliveries: list[Deliveries] = []
    base = 0
    around = Unfolding(business, seed, people, Market.of(business, listings), calendar)
    for day in range(first_day.toordinal(), last.toordinal() + 1):
        rng = stream(seed, business.tenant, "visits", day)
        visits = draw_visits(business, people, memory, day, day - calendar.first, rng)
        happened = day_events(business, people, listings, memory, calendar, day, visits, rng)
        rng = stream(seed, business.tenant, "disorder", day)
        deliveries.append(deliver(business.disorder, people, happened, base, rng))
        if is_whole:
            present = np.flatnonzero(memory.identified.reshape(-1, 2).any(axis=1))
            around.day(day, happened, deliveries[-1].received[: len(happened)], memory.doomed(), present)
        events.append(happened)
        base += len(happened)
    until_ms = milliseconds(until)
    arrived = Deliveries.concat(deliveries)
    arrived = arrived.take(arrived.received < until_ms)
    order = np.lexsort((arrived.event, arrived.received))
    return World(
        business,
        calendar,
        people,
        listings,
        Events.concat(events),
        arrived.take(order),
        until_ms,
        around.until(until_ms) if is_whole else NOTHING,
    )
