"""Two small businesses, made up: what happened per day and channel, as the parts of every KPI."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

LAST_DAY = date(2026, 11, 21)  # not over yet
DAYS = 120
CHANNELS = ("affiliate", "direct", "email", "organic", "paid", "social")
KPI_PARTS = {  # KPI -> its parts
    "sessions": ("sessions", None),
    "active_users": ("users", None),
    "searches": ("searches", None),
    "search_to_book_conversion": ("converted", "searching"),
    "bookings": ("bookings", None),
    "gmv": ("amount", None),
    "revenue": ("commission", None),
    "take_rate": ("commission", "amount"),
    "average_booking_value": ("booked", "bookings"),
}


@dataclass(frozen=True)
class Business:
    """A tenant of the made-up version."""

    tenant: str
    title: str
    business: str
    time_zone: str
    currency: str
    size: int  # sessions a day, about
    value: int  # of a booking, about


RENTALS = Business("rentals", "Rentals", "Property rental marketplace", "Europe/Berlin", "EUR", 180, 420)
ADVISORY = Business("advisory", "Advisory", "Tax advice marketplace", "Asia/Kolkata", "INR", 14, 260_000)
BUSINESSES = (RENTALS, ADVISORY)


@dataclass
class Parts:
    """Sums of one group, and the persons in it."""

    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    users: set[int] = field(default_factory=set)

    def add(self, other: "Parts") -> None:
        """Add another group: sums add up, persons count once."""
        for name, value in other.sums.items():
            self.sums[name] += value
        self.users |= other.users

    def of(self, name: str | None) -> Decimal | None:
        """One part; None if nothing of the kind happened."""
        if name is None:
            return Decimal(1)
        if name == "users":
            return Decimal(len(self.users)) if self.users else None
        return self.sums.get(name)


def days(business: Business) -> Iterator[tuple[date, str, Parts]]:
    """What happened per day and channel; the tiny business has days without a booking and a day without anything."""
    rng = random.Random(business.tenant)
    for n in range(DAYS):
        day = LAST_DAY - timedelta(days=DAYS - 1 - n)
        if business is ADVISORY and day == date(2026, 11, 8):
            continue
        season = 1 + 0.002 * n + (0.25 if day.weekday() >= 5 else 0)
        share_of_day = 0.4 if day == LAST_DAY else 1
        for place, channel in enumerate(CHANNELS):
            sessions = round(rng.gauss(business.size * season * share_of_day * (0.05 + 0.06 * place), 2))
            if sessions > 0:
                yield day, channel, _parts(rng, business, sessions)


def _parts(rng: random.Random, business: Business, sessions: int) -> Parts:
    parts = Parts(users={rng.randrange(business.size * 20) for _ in range(sessions)})
    searching = sum(rng.random() < 0.7 for _ in range(sessions))
    bookings = sum(rng.random() < 0.06 for _ in range(searching))
    booked = sum(
        (Decimal(round(rng.gauss(business.value, business.value / 4) * 100)) / 100 for _ in range(bookings)), Decimal(0)
    )
    given_back = booked / 4 if rng.random() < 0.1 else Decimal(0)
    parts.sums["sessions"] = Decimal(sessions)
    parts.sums["searching"] = Decimal(searching)
    parts.sums["searches"] = Decimal(searching * 2 + rng.randrange(5))
    if bookings:
        parts.sums |= {"converted": Decimal(bookings), "bookings": Decimal(bookings), "booked": booked}
        parts.sums["amount"] = (booked - given_back).quantize(Decimal("0.01"))
        parts.sums["commission"] = (parts.sums["amount"] * Decimal("0.12")).quantize(Decimal("0.01"))
    return parts
