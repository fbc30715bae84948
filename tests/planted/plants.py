"""Ten kinds of wrong numbers, each of random size: at least three tenths of what it touches."""

import copy
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ingestion.envelope import Arrival
from tests.planted.world import Sender

Plant = Callable[[random.Random, Sender, list[Arrival]], list[Arrival]]
LEAST = 0.3


def _size(rng: random.Random) -> float:
    return rng.uniform(LEAST, 1.0)


def _messages(arrivals: Iterable[Arrival]) -> list[dict[str, Any]]:
    return [a.message for a in arrivals if isinstance(a.message, dict)]


def _some(rng: random.Random, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A share of these, at least three tenths."""
    return rng.sample(found, max(1, round(_size(rng) * len(found)))) if found else []


def _of(sender: Sender, arrivals: list[Arrival], *events: str) -> list[dict[str, Any]]:
    names = {sender.of(event).event for event in events}
    return [m for m in _messages(arrivals) if m.get("event") in names]


def missing_day(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """The day, or a part of it in one piece, never arrived."""
    gone = round(_size(rng) * len(arrivals))
    start = rng.randint(0, len(arrivals) - gone)
    return arrivals[:start] + arrivals[start + gone :]


def doubled_day(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """The day, or a part of it, was delivered twice, under new ids."""
    again = copy.deepcopy(rng.sample(arrivals, round(_size(rng) * len(arrivals))))
    for message in _messages(again):
        message["messageId"] = str(UUID(int=rng.getrandbits(128), version=4))
    return arrivals + again


def shifted_time_zone(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """Local times were sent as if they were UTC."""
    shift = timedelta(hours=rng.choice([-11, -8, -5, -3, -2, -1, 1, 2, 3, 5, 8, 11]))
    for message in _some(rng, _messages(arrivals)):
        message["timestamp"] = (datetime.fromisoformat(message["timestamp"]) + shift).isoformat()
    return arrivals


def currency_mix_up(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """Amounts in another currency: under its name, or as if they were in the usual one (cents, rupees)."""
    of = sender.of("booking_confirmed")
    amount, currency = of.key("amount"), of.key("currency")
    other = "USD" if sender.currency != "USD" else "EUR"
    factor = rng.choice([100.0, 90.0, 0.01])
    is_named = rng.random() < 0.5
    for message in _some(rng, _of(sender, arrivals, "booking_confirmed")):
        if is_named:
            message["properties"][currency] = other
        else:
            message["properties"][amount] = round(message["properties"][amount] * factor, 2)
    return arrivals


def dropped_tenant(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """Nothing of the tenant arrived."""
    return []


def null_burst(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """A property that is always filled was not."""
    event, name = rng.choice(
        [
            ("booking_confirmed", "amount"),
            ("booking_confirmed", "listing_id"),
            ("booking_confirmed", "commission"),
            ("listing_viewed", "category"),
            ("listing_viewed", "city"),
            ("search_performed", "city"),
        ]
    )
    key = sender.of(event).key(name)
    for message in _some(rng, _of(sender, arrivals, event)):
        message["properties"][key] = None
    return arrivals


def schema_drift(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """A property has another name, or another type, from this day on."""
    event, name = rng.choice(
        [("booking_confirmed", "amount"), ("listing_viewed", "listing_id"), ("search_performed", "city")]
    )
    key = sender.of(event).key(name)
    is_renamed = rng.random() < 0.5
    for message in _some(rng, _of(sender, arrivals, event)):
        properties = message["properties"]
        if key in properties:
            properties[f"{key}_v2" if is_renamed else key] = {"value": properties.pop(key)}
    return arrivals


def stale_source(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """The source fell silent during the day."""
    return arrivals[: len(arrivals) - round(_size(rng) * len(arrivals))]


def orphan_keys(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """Bookings name listings that do not exist."""
    key = sender.of("booking_confirmed").key("listing_id")
    for message in _some(rng, _of(sender, arrivals, "booking_confirmed")):
        message["properties"][key] = f"unknown-{rng.getrandbits(32)}"
    return arrivals


def distribution_shift(rng: random.Random, sender: Sender, arrivals: list[Arrival]) -> list[Arrival]:
    """A share of one frequent kind of event is missing, or was sent as another kind."""
    event, other = rng.sample(["search_performed", "listing_viewed"], 2)
    chosen = {id(m) for m in _some(rng, _of(sender, arrivals, event))}
    if rng.random() < 0.5:
        return [a for a in arrivals if id(a.message) not in chosen]
    return [
        replace(a, message={**a.message, "event": sender.of(other).event, "properties": {}})
        if id(a.message) in chosen and isinstance(a.message, dict)
        else a
        for a in arrivals
    ]


PLANTS: tuple[Plant, ...] = (
    missing_day,
    doubled_day,
    shifted_time_zone,
    currency_mix_up,
    dropped_tenant,
    null_burst,
    schema_drift,
    stale_source,
    orphan_keys,
    distribution_shift,
)
