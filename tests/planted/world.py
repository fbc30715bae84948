"""A simulated business as the days on which its events arrived, before anything is landed."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ingestion.envelope import Arrival
from ingestion.simulator.calendar import instant
from ingestion.simulator.columns import DAY
from ingestion.simulator.engine import unfold
from ingestion.simulator.messages import Writer
from ingestion.simulator.tenants import VISITED
from ingestion.simulator.voice import Naming, naming, namings
from ingestion.tracking_plan import load_plan

FIRST_DAY = date(2026, 3, 2)
# About 3,000 events a day each: of a hundred events nobody can tell whether thirty are missing.
USERS = {"advisory": 6_000, "rentals": 6_300}
Days = dict[date, list[Arrival]]


@dataclass(frozen=True)
class Sender:
    """A tenant's source and the names that it has for things."""

    tenant: str
    source: str
    currency: str
    names: dict[str, Naming]

    def of(self, event: str) -> Naming:
        """What it calls an event and its properties."""
        return naming(self.names, event)


def senders() -> dict[str, Sender]:
    """Every simulated tenant."""
    plan = load_plan()
    return {
        b.tenant: Sender(b.tenant, b.source, plan.tenants[b.tenant].currency, namings(plan.tenants[b.tenant]))
        for b in VISITED.values()
    }


def days_of(tenant: str, seed: int, days: int) -> Days:
    """What arrived from `tenant` by UTC day, in order of arrival; the last day holds the morning only."""
    business, own = VISITED[tenant], load_plan().tenants[tenant]
    until = datetime.combine(FIRST_DAY + timedelta(days=days - 1), time(9), tzinfo=UTC)
    world = unfold(business, own.time_zone, seed, USERS[tenant], FIRST_DAY, until)
    found: Days = defaultdict(list)
    order = world.deliveries.received.argsort(kind="stable")
    deliveries = world.deliveries.take(order)
    for at, arrival in zip(deliveries.received.tolist(), Writer(world, own).arrivals(deliveries), strict=True):
        found[instant(at // DAY * DAY).date()].append(arrival)
    return dict(found)
