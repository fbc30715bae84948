"""What is on offer: listings and suppliers with their changes, and how much of them can be booked on each date."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.columns import Ints
from ingestion.simulator.concerns.base import Batch, Fact, Table, Today, iso_dates, money, ones

SELLERS = 5  # every so many suppliers one is a person who uses the platform, too


@dataclass(frozen=True)
class Supply:
    """Listings are published on the first day and change now and then; availability is published daily."""

    listing_type: str
    hours: int = 0  # that each listing can be booked on a date; 0: none are published
    units: int = 0  # the same in units (nights, seats, pieces)
    changes: float = 0.01  # share of listings that get another price on a day
    closed_on_weekends: bool = False

    def planted(self) -> Mapping[str, Any]:
        """Hours and units for each listing and date."""
        return {"hours_of_listing_and_day": self.hours, "units_of_listing_and_day": self.units}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Publications on the first day, changes and availability on every day."""
        rng, count = today.rng("supply"), len(today.market.listing)
        if today.since == 0:
            yield self._listings(today, np.arange(count), today.market.price, rng)
            yield self._suppliers(today, rng)
        else:
            rows = np.flatnonzero(rng.random(count) < self.changes)
            price = today.market.price[rows] * rng.integers(90, 116, len(rows)) // 100
            yield self._listings(today, rows, price, rng)
        is_weekend = (today.day - 1) % 7 >= 5
        if (self.hours or self.units) and not (self.closed_on_weekends and is_weekend):
            yield self._available(today, rng)

    def _listings(self, today: Today, rows: Ints, price: Ints, rng: np.random.Generator) -> Batch:
        market, n = today.market, len(rows)
        routes: Table = {}
        if today.business.airports:
            routes = {"origin": market.origin[rows], "destination": market.destination[rows]}
        return Batch(
            "listing_updated",
            today.moments(rng, n, (0, 6) if today.since == 0 else (8, 20)),
            routes
            | {
                "listing_id": market.listing[rows],
                "listing_type": [self.listing_type] * n,
                "status": ["active"] * n,
                "category": market.category[rows],
                "supplier_id": market.supplier[rows],
                "city": market.city[rows],
                "price": money(price),
            },
            facts=(Fact("listing_updates", ones(n), {"category": market.category[rows]}),),
        )

    def _suppliers(self, today: Today, rng: np.random.Generator) -> Batch:
        suppliers = today.market.suppliers
        n, prefix = len(suppliers), today.business.user_prefix
        users = [f"{prefix}-{person:06d}" for person in range(n)]  # supplier n is person n
        return Batch(
            "supplier_updated",
            today.moments(rng, n, (0, 6)),
            {
                "supplier_id": suppliers,
                "status": ["active"] * n,
                "title": [f"House {name.title()}" for name in suppliers],
                "supplier_user_id": [user if n % SELLERS == 0 else None for n, user in enumerate(users)],
                "city": [today.business.offer.cities[k] for k in rng.integers(0, len(today.business.offer.cities), n)],
            },
            facts=(Fact("suppliers_joined", ones(n)),),
        )

    def _available(self, today: Today, rng: np.random.Generator) -> Batch:
        market = today.market
        n = len(market.listing)
        hours, units = np.full(n, self.hours), np.full(n, self.units)
        days = iso_dates(np.full(n, today.day))
        table: Table = {"listing_id": market.listing, "supplier_id": market.supplier, "available_date": days}
        table |= {"hours": hours.astype(np.float64)} if self.hours else {}
        table |= {"quantity": units} if self.units else {}
        return Batch(
            "availability_published",
            today.moments(rng, n, (0, 5)),
            table,
            facts=(
                Fact(
                    "availabilities",
                    ones(n),
                    {"supplier": market.supplier, "listing": market.listing, "market": market.cells()},
                ),
                Fact("hours_available", hours, {"supplier": market.supplier}),
                Fact("units_available", units, {"category": market.category}),
            ),
        )
