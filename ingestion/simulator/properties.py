"""The properties of each kind of event, under the platform's own names."""

from typing import Any

from ingestion.simulator.columns import NONE, Kind
from ingestion.simulator.details import MINOR_UNITS, Maker, Row, booking_details, flight_search, money
from ingestion.simulator.engine import World
from ingestion.simulator.market import searched
from ingestion.simulator.people import FIRST_NAMES, LAST_NAMES, role_of
from ingestion.simulator.voice import Naming, naming, namings
from ingestion.tracking_plan import Tenant

PAGES = ("Home", "Search results", "Help", "Favourites", "Account")
REASONS = ("change_of_plans", "found_other", "illness", "host_cancelled")

EVENTS: dict[Kind, str] = {
    Kind.SEARCH: "search_performed",
    Kind.LISTING: "listing_viewed",
    Kind.SIGNUP: "signup_completed",
    Kind.BOOKING: "booking_confirmed",
    Kind.CANCEL: "booking_cancelled",
}


__all__ = ["MINOR_UNITS", "Maker", "Row", "booking_id", "listing_id", "makers", "money", "user_id"]


def makers(world: World, tenant: Tenant) -> dict[int, tuple[str | None, Maker]]:
    """For each kind of event: its name in the platform's own words (None unless a track), and what makes properties."""
    names = namings(tenant)
    of = {kind: naming(names, event) for kind, event in EVENTS.items()}
    made: dict[int, Maker] = {
        Kind.PAGE: _page,
        Kind.IDENTIFY: _traits(world),
        Kind.SEARCH: _search(world, of[Kind.SEARCH]),
        Kind.LISTING: _listing(world, of[Kind.LISTING]),
        Kind.SIGNUP: _signup(world, of[Kind.SIGNUP]),
        Kind.BOOKING: _booking(world, of[Kind.BOOKING], tenant.currency),
        Kind.CANCEL: _cancel(world, of[Kind.CANCEL], tenant.currency),
    }
    return {kind: (of[Kind(kind)].event if kind in of else None, maker) for kind, maker in made.items()}


def listing_id(world: World, listing: int) -> str:
    """The platform's id of a listing."""
    return f"{world.business.offer.prefix}-{listing:04d}"


def booking_id(booking: int) -> str:
    """The platform's id of a booking."""
    return f"B{booking:07d}"


def user_id(world: World, person: int) -> str:
    """The platform's id of a person who has identified."""
    return f"{world.business.user_prefix}-{person:06d}"


def _page(row: Row) -> dict[str, Any]:
    return {"name": PAGES[row.chance % len(PAGES)] + (" (copy)" if row.altered else "")}


def _traits(world: World) -> Maker:
    people, countries = world.people, world.business.countries

    def make(row: Row) -> dict[str, Any]:
        first, last = FIRST_NAMES[people.first_name[row.person]], LAST_NAMES[people.last_name[row.person]]
        return {
            "email": f"{first}.{last}.{row.person}@mail.example".lower(),
            "name": f"{first} {last}",
            "country": "Elsewhere" if row.altered else countries[people.country[row.person]],
        }

    return make


def _search(world: World, own: Naming) -> Maker:
    places, queries = searched(world.business.offer), world.business.queries
    query, category, city, count = (own.key(k) for k in ("query", "category", "city", "results_count"))

    routes = flight_search(world, own) if world.business.airports else None

    def make(row: Row) -> dict[str, Any]:
        properties: dict[str, Any] = {
            query: queries[row.query],
            city: places[row.chance][0],
            count: row.units + row.altered,
        }
        if places[row.chance][1]:
            properties[category] = places[row.chance][1]
        return properties if routes is None else properties | routes(row)

    return make


def _listing(world: World, own: Naming) -> Maker:
    offer, listings = world.business.offer, world.listings
    ids = [listing_id(world, n) for n in range(offer.count)]
    categories = [offer.categories[n] for n in listings.category]
    cities = [offer.cities[n] for n in listings.city]
    listing, category, city, price = (own.key(k) for k in ("listing_id", "category", "city", "price"))

    def make(row: Row) -> dict[str, Any]:
        n = row.listing
        return {listing: ids[n], category: categories[n], city: cities[n], price: money(row.amount + row.altered)}

    return make


def _signup(world: World, own: Naming) -> Maker:
    people, countries = world.people, world.business.countries
    method, country, role = own.key("method"), own.key("country"), own.key("role")
    roles = world.business.roles

    def make(row: Row) -> dict[str, Any]:
        how = "phone" if row.altered else ("email", "google", "apple")[row.chance % 3]
        wanted = roles[role_of(row.person)]
        return {method: how, country: countries[people.country[row.person]], role: wanted}

    return make


def _booking(world: World, own: Naming, currency: str) -> Maker:
    offer, people, countries = world.business.offer, world.people, world.business.countries
    booking, listing, amount, commission, unit_price, country, charged = (
        own.key(k) for k in ("booking_id", "listing_id", "amount", "commission", "unit_price", "country", "currency")
    )
    units = own.key("nights" if offer.has_nights else "quantity")
    details = booking_details(world, own) if world.business.is_detailed else None

    def make(row: Row) -> dict[str, Any]:
        properties = {
            booking: booking_id(row.booking),
            listing: listing_id(world, row.listing),
            amount: money(row.amount + row.altered),
            commission: money(row.commission),
            charged: currency,
            units: row.units,
            unit_price: money(row.amount // row.units),
            country: countries[people.country[row.person]],
        }
        return properties if details is None else properties | details(row)

    return make


def _cancel(world: World, own: Naming, currency: str) -> Maker:
    booking, listing, amount, commission, reason, charged = (
        own.key(k) for k in ("booking_id", "listing_id", "amount", "commission", "reason", "currency")
    )

    def make(row: Row) -> dict[str, Any]:
        properties: dict[str, Any] = {
            booking: booking_id(row.booking),
            amount: money(row.amount + row.altered),
            commission: money(row.commission),
            reason: REASONS[row.chance % len(REASONS)],
            charged: currency,
        }
        if row.listing != NONE:
            properties[listing] = listing_id(world, row.listing)
        return properties

    return make
