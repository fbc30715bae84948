"""Messages as a browser's client library sends them: whole contexts, own event names, about 850 bytes each."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

START = datetime(2026, 10, 31, 12, tzinfo=UTC)
USER_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
CITIES = ("Berlin", "Hamburg", "Köln", "Leipzig", "Dresden")
_encode = msgspec.json.Encoder().encode


def raw_events(count: int, odd: float = 0.03, seed: int = 7) -> Iterator[tuple[datetime, bytes]]:
    """`count` events of the tenant `rentals` with their instants of arrival; a share of `odd` needs careful judgement.

    A visitor sees six pages; a page sends its view, with a context of its own, and one event about what it shows.
    """
    chance = random.Random(seed)
    for number in range(count):
        if number % 12 == 0:
            visitor = _visitor(chance)
        if number % 2 == 0:
            listing = chance.randrange(5_000)
            context = {**visitor["context"], "page": _page(listing)}
        received_at = START + timedelta(milliseconds=number // 4)
        message = _view(listing) if number % 2 == 0 else _track(chance, number, listing)
        message |= {key: visitor[key] for key in ("anonymousId", "userId") if key in visitor}
        message["messageId"] = str(UUID(int=chance.getrandbits(128)))
        late = timedelta(hours=30) if chance.random() < odd else timedelta(milliseconds=chance.randrange(5_000))
        message |= {"timestamp": _text(received_at - late), "sentAt": _text(received_at), "context": context}
        yield received_at, _encode(message)


def _visitor(chance: random.Random) -> dict[str, Any]:
    visitor: dict[str, Any] = {"anonymousId": str(UUID(int=chance.getrandbits(128)))}
    if chance.random() < 0.4:
        visitor["userId"] = f"u-{chance.randrange(20_000)}"
    visitor["context"] = {
        "library": {"name": "analytics.js", "version": "2.11.1"},
        "userAgent": USER_AGENT,
        "locale": chance.choice(("de-DE", "en-GB")),
        "timezone": "Europe/Berlin",
        "device": {"type": chance.choice(("mobile", "desktop"))},
        "os": {"name": chance.choice(("iOS", "Android"))},
        "campaign": {"source": "newsletter", "medium": "email", "name": chance.choice(("spring", "summer"))},
    }
    return visitor


def _page(listing: int) -> dict[str, str]:
    path = f"/listing/L-{listing}"
    return {
        "path": path,
        "url": f"https://rentals.example{path}?sort=price",
        "title": f"Apartment {listing}",
        "referrer": "https://rentals.example/search",
    }


def _view(listing: int) -> dict[str, Any]:
    page = _page(listing)
    return {"type": "page", "name": "Listing", "properties": {"path": page["path"], "title": page["title"]}}


def _track(chance: random.Random, number: int, listing: int) -> dict[str, Any]:
    """What the page is about: a listing four times out of six, else a search or, seldom, a booking."""
    place = number % 12
    common = {"property_id": f"L-{listing}"}
    city = chance.choice(CITIES)
    if place == 1:
        found = {"q": f"two rooms in {city}", "property_type": "apartment", "city": city, "hits": chance.randrange(200)}
        return {"type": "track", "event": "Property Searched", "properties": found}
    if place == 11 and chance.random() < 0.2:
        booked = {"booking_id": f"B-{number}", "total": chance.randrange(5_000, 90_000) / 100, "currency": "EUR"}
        return {"type": "track", "event": "Booking Confirmed", "properties": {**common, **booked, "nights": 3}}
    seen = {"property_type": "apartment", "city": city, "price_per_night": chance.randrange(2_000, 40_000) / 100}
    return {"type": "track", "event": "Property Viewed", "properties": {**common, **seen}}


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
