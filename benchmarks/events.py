"""Events as a browser's client library sends them, for benchmarks: about 850 bytes each, right by the tracking plan."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

TENANT, SOURCE = "rentals", "web"
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)
_CITIES = ("Berlin", "Hamburg", "Köln", "Leipzig", "München")
_KINDS = ("apartment", "house", "room")


def browser_events(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """`count` messages of visitors of the tenant `rentals`; the same for the same arguments, but for their times."""
    chance = random.Random(seed)
    now = datetime.now(UTC)
    for number in range(count):
        at = (now - timedelta(milliseconds=chance.randrange(5_000))).isoformat(timespec="milliseconds")
        city, kind, listing = chance.choice(_CITIES), chance.choice(_KINDS), f"L-{chance.randrange(9_000):04}"
        name, properties = chance.choice(_EVENTS)(chance, city, kind, listing)
        yield {
            "type": "track",
            "event": name,
            "messageId": str(UUID(int=chance.getrandbits(128), version=4)),
            "anonymousId": str(UUID(int=chance.getrandbits(128), version=4)),
            "userId": f"user-{number % 5_000:06}" if chance.random() < 0.4 else None,
            "timestamp": at.replace("+00:00", "Z"),
            "properties": properties,
            "context": _context(chance, city),
        }


def bodies(batch: int, count: int) -> list[bytes]:
    """`count` request bodies: single messages if `batch` is 1, else batches of that many."""
    events = list(browser_events(batch * count))
    if batch == 1:
        return [msgspec.json.encode(event) for event in events]
    sent_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    chunks = (events[start : start + batch] for start in range(0, len(events), batch))
    return [msgspec.json.encode({"batch": chunk, "sentAt": sent_at}) for chunk in chunks]


def _search(chance: random.Random, city: str, kind: str, listing: str) -> tuple[str, dict[str, Any]]:
    query = f"{kind} in {city} near the river"
    return "Property Searched", {"q": query, "property_type": kind, "city": city, "hits": chance.randrange(80)}


def _view(chance: random.Random, city: str, kind: str, listing: str) -> tuple[str, dict[str, Any]]:
    price = chance.randrange(3_000, 25_000) / 100
    return "Property Viewed", {
        "property_id": listing,
        "property_type": kind,
        "city": city,
        "price_per_night": price,
    }


def _booking(chance: random.Random, city: str, kind: str, listing: str) -> tuple[str, dict[str, Any]]:
    nights, price = chance.randrange(1, 9), chance.randrange(3_000, 25_000) / 100
    return "Booking Confirmed", {
        "booking_id": f"B-{chance.getrandbits(40):010}",
        "property_id": listing,
        "total": round(nights * price, 2),
        "currency": "EUR",
        "nights": nights,
        "unit_price": price,
    }


_EVENTS = (_search, _search, _view, _view, _view, _view, _booking)


def _context(chance: random.Random, city: str) -> dict[str, Any]:
    path = f"/{city.lower()}/search"
    return {
        "library": {"name": "analytics.js", "version": "npm:next-1.70.0"},
        "page": {
            "path": path,
            "referrer": "https://www.blog.example/ten-cities",
            "search": "?sort=price",
            "title": f"Apartments in {city}",
            "url": f"https://rentals.example{path}?sort=price",
        },
        "userAgent": chance.choice(_AGENTS),
        "locale": "de-DE",
        "timezone": "Europe/Berlin",
        "campaign": {"source": "newsletter", "medium": "email", "name": "spring-sale"},
    }
