"""What a tenant has on offer, in words: ids, suppliers, categories, cities and communities of its listings."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.business import Business, Offer
from ingestion.simulator.columns import Ints
from ingestion.simulator.sessions import Listings

Words = np.ndarray[Any, Any]  # of Python texts
CHANCES = 1_009  # different values of an event's `chance`
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Market:
    """Columns over listings."""

    listing: Words
    supplier: Words
    category: Words
    city: Words
    group: Words
    origin: Words  # empty where listings are no routes
    destination: Words
    price: Ints  # minor units
    suppliers: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, business: Business, listings: Listings) -> "Market":
        """The market of a business; listing n belongs to supplier and community n modulo their number."""
        offer, count = business.offer, business.offer.count
        suppliers = tuple(f"{business.supplier_prefix}-{n:03d}" for n in range(business.suppliers))
        groups = tuple(f"circle-{n:02d}" for n in range(business.groups)) or ("",)
        number = np.arange(count)
        airports = business.airports or ("",)
        # Every airport is left for another one: the distance between the two is never a multiple of their number.
        step = 1 + number // len(airports) % max(len(airports) - 1, 1)
        return cls(
            listing=_words(f"{offer.prefix}-{n:04d}" for n in range(count)),
            supplier=_words(suppliers)[number % len(suppliers)],
            category=_words(offer.categories)[listings.category],
            city=_words(offer.cities)[listings.city],
            group=_words(groups)[number % len(groups)],
            origin=_words(airports)[number % len(airports)],
            destination=_words(airports)[(number + step) % len(airports)],
            price=listings.price,
            suppliers=suppliers,
            groups=groups,
        )

    def cells(self) -> Words:
        """The market that each listing belongs to."""
        return _words(map(cell, self.city, self.category))


def searched(offer: Offer) -> list[tuple[str, str | None]]:
    """The city and the category that a search names, by its chance: one in three names no category."""
    cities, categories = offer.cities, offer.categories
    return [
        (cities[n % len(cities)], categories[n // (3 * len(cities)) % len(categories)] if n % 3 else None)
        for n in range(CHANCES)
    ]


def cell(city: str | None, category: str | None) -> str:
    """The market of a city and a category, as the warehouse calls it."""
    return f"{city} / {category}" if city and category else UNKNOWN


def _words(texts: Any) -> Words:
    found = list(texts)
    words = np.empty(len(found), dtype=object)
    words[:] = found
    return words
