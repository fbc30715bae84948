"""The worlds of the five simulated businesses over three weeks, made once in a process, and what is counted in them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from ingestion.envelope import Arrival
from ingestion.simulator.engine import World, unfold
from ingestion.simulator.messages import Writer
from ingestion.simulator.tenants import business_of
from ingestion.simulator.truth_around import around_truth
from ingestion.tracking_plan import load_plan
from tests.recounted_around import Cell, recount_around

FIRST, UNTIL = date(2026, 3, 12), datetime(2026, 4, 1, 15, 20, tzinfo=UTC)
USERS = {"rentals": 120, "advisory": 80, "community": 150, "equipment": 300, "travel": 150}
FIRST_OF = {"community": date(2026, 2, 19)}  # instalments of a loan are a month apart
PLAN = load_plan()


def made(tenant: str, until: datetime = UNTIL, *, is_whole: bool = True) -> World:
    zone = PLAN.tenants[tenant].time_zone
    return unfold(business_of(tenant), zone, 5, USERS[tenant], FIRST_OF.get(tenant, FIRST), until, is_whole=is_whole)


@cache
def the_world(tenant: str) -> World:
    return made(tenant)


def arrivals_of(world: World) -> list[Arrival]:
    own = PLAN.tenants[world.business.tenant]
    return Writer(world, own, PLAN).everything(world.deliveries, world.around.deliveries)


@cache
def the_arrivals(tenant: str) -> list[Arrival]:
    return arrivals_of(the_world(tenant))


@cache
def counted(tenant: str) -> tuple[dict[Cell, Decimal], list[dict[str, Any]]]:
    return recount_around(the_arrivals(tenant), tenant)


@cache
def truth_of(tenant: str) -> dict[Cell, Decimal]:
    rows = around_truth(the_world(tenant)).to_pylist()
    return {(r["quantity"], r["local_date"], r["dimension"], r["dimension_value"]): r["value"] for r in rows}


def series(tenant: str, quantity: str, dimension: str = "all", value: str = "all") -> dict[int, float]:
    """A quantity by days since the first one."""
    return {
        (day - FIRST).days: float(number)
        for (name, day, of, its), number in truth_of(tenant).items()
        if (name, of, its) == (quantity, dimension, value)
    }
