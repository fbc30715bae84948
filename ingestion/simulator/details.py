"""What searches and bookings say beyond the common: dates, places and prices of flights, suppliers and hours."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ingestion.simulator.calendar import instant
from ingestion.simulator.columns import DAY, HOUR
from ingestion.simulator.engine import World
from ingestion.simulator.market import Market
from ingestion.simulator.voice import Naming

MINOR_UNITS = 100  # cents of a euro, paise of a rupee
CABINS = ("economy", "economy", "economy", "premium", "business")
HOURS_OF_UNIT = 10


class Row(NamedTuple):
    """The part of one event that its properties are made of."""

    person: int
    listing: int
    query: int
    units: int  # results of a search, units of a booking
    amount: int
    commission: int
    booking: int
    chance: int  # a small number that is the event's own, for what does not matter
    altered: bool  # write something else than happened
    at: int  # when it happened, epoch milliseconds


Maker = Callable[[Row], dict[str, Any]]


def money(minor: int) -> float:
    """An amount as a JSON number: the float nearest to the exact decimal, whose shortest text is that decimal."""
    return minor / MINOR_UNITS


def flight_search(world: World, own: Naming) -> Maker:
    """Route, dates, passengers and the prices that were found, of a search for flights."""
    market = Market.of(world.business, world.listings)
    routes = list(zip(market.origin.tolist(), market.destination.tolist(), market.price.tolist(), strict=True))
    origin, destination, departs, returns, cabin, adults, children, took, lowest, average, highest, again, filters = (
        own.key(name)
        for name in (
            *("origin", "destination", "depart_date", "return_date", "cabin_class", "adults", "children"),
            *("duration_ms", "lowest_price", "average_price", "highest_price", "is_refinement", "filters"),
        )
    )

    def make(row: Row) -> dict[str, Any]:
        start, end, price = routes[row.chance % len(routes)]
        lead = 2 + row.chance % 90
        properties: dict[str, Any] = {
            origin: start,
            destination: end,
            departs: instant(row.at + lead * DAY).date().isoformat(),
            cabin: CABINS[row.chance % len(CABINS)],
            adults: 1 + row.chance % 3,
            children: row.chance % 2,
            took: 120.0 + row.chance,
        }
        if row.chance % 4:
            properties[returns] = instant(row.at + (lead + 3 + row.chance % 11) * DAY).date().isoformat()
        if row.units:
            properties |= {lowest: money(price), average: money(price * 13 // 10), highest: money(price * 2)}
        if row.chance % 5 == 0:
            properties |= {again: True, filters: ("stops", "price,stops", "airline")[row.chance % 3]}
        return properties

    return make


def booking_details(world: World, own: Naming) -> Maker:
    """Supplier, provider, beginning, end and hours of a booking."""
    market, providers = Market.of(world.business, world.listings), world.business.providers
    supplier, provider, starts, ends, hours = (
        own.key(name) for name in ("supplier_id", "provider", "starts_at", "ends_at", "hours")
    )

    def make(row: Row) -> dict[str, Any]:
        begins = row.at // HOUR * HOUR + (2 + row.chance % 30) * DAY
        return {
            supplier: market.supplier[row.listing],
            provider: providers[row.listing % len(providers)],
            starts: instant(begins).isoformat(),
            ends: instant(begins + row.units * DAY).isoformat(),
            hours: float(HOURS_OF_UNIT * row.units),
        }

    return make
