"""Random histories: what clients send, in which landings it arrives, what is erased, and which runs fail.

Times cluster around local midnights and changes of summer time, people are few and ids collide on purpose: rare
things must happen often. Every occurrence is counted; a suite in which one is too rare fails.
"""

import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

ZONES = {
    "rentals": "Europe/Berlin",
    "advisory": "Asia/Kolkata",
    "replay_west": "America/St_Johns",
    "replay_south": "Australia/Lord_Howe",
    "replay_east": "Pacific/Auckland",
}
# Days around which the zones above change to or from summer time.
DAYS = [datetime(2026, 3, 8), datetime(2026, 3, 29), datetime(2026, 4, 5), datetime(2026, 9, 27), datetime(2026, 10, 4)]
# By how many days many landings are later: the first visit of a person is far away by then, or only nearly. All on the
# same two days, so that one landing comes between the visits of another.
LATER = (0, 0, 28, 40, 40, 40)
MEDIUMS = {None: None, "cpc": "paid", "email": "email", "organic": "organic"}

Copy = dict[str, Any]


@dataclass
class World:
    """The copies that were landed so far, per landing, and how often each rare thing happened."""

    seed: int
    random: random.Random
    start: datetime
    landings: dict[str, list[Copy]] = field(default_factory=dict)  # file_id -> copies that still lie there
    sent: list[Copy] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    later: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.later = random.Random(f"later {self.seed}")  # of its own, so that the rest of a history is as without it

    @classmethod
    def of(cls, seed: int) -> "World":
        """The world of one seed."""
        rng = random.Random(seed)
        return cls(seed, rng, rng.choice(DAYS))

    def copies(self) -> list[Copy]:
        """Every copy that lies in the lake now."""
        return [c for own in self.landings.values() for c in own]

    def batch(self) -> tuple[str, list[Copy]]:
        """The copies of one landing: a tenant's new events, retries of older ones, and late identifies."""
        rng = self.random
        tenant = rng.choice(list(ZONES))
        days, later = rng.randrange(5), self.later.choice(LATER)
        day = self.start + timedelta(days=later or days)
        own = [self._fresh(tenant, day) for _ in range(rng.randint(2, 9))]
        own += [self._retry(tenant, own) for _ in range(rng.choice([0, 0, 1, 2, 3]))]
        received_day = max(c["event_at"] for c in own) + timedelta(days=rng.choice([0, 0, 0, 1, 3]))
        if rng.random() < 0.25 and self.sent:
            received_day = max(received_day, rng.choice(self.sent)["received_at"])
        self._receive(own, received_day)
        return tenant, own

    def landed(self, file_id: str, copies: list[Copy]) -> None:
        """Take note that the copies lie in a landing now; a landing seen before is a no-op."""
        if file_id in self.landings:
            return
        for row, copy in enumerate(copies):
            copy |= {"file_id": file_id, "ingest_row": row}
        self._count(copies)
        self.landings[file_id] = list(copies)
        self.sent += copies

    def _fresh(self, tenant: str, day: datetime) -> Copy:
        rng = self.random
        zone = ZoneInfo(ZONES[tenant])
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        minutes = rng.choice([rng.gauss(0, 35), rng.gauss(0, 35), rng.uniform(0, 1440)])
        event_at = midnight + timedelta(seconds=round(minutes * 60), microseconds=rng.choice([0, 0, 1, 999_999]))
        event = rng.choices(
            ["page_viewed", "search_performed", "booking_confirmed", "booking_cancelled", "user_identified"],
            [4, 3, 2, 1, 2],
        )[0]
        anonymous, user = f"a{rng.randrange(4)}", f"u{rng.randrange(3)}"
        known = event == "user_identified" or rng.random() < 0.3
        money = event.startswith("booking")
        message_id = uuid.UUID(int=rng.getrandbits(128), version=4)
        if event == "page_viewed" and message_id.int % 4 == 1:
            event = "listing_viewed"
        copy = {
            "tenant": tenant,
            "message_id": str(message_id),
            "type": {"page_viewed": "page", "user_identified": "identify"}.get(event, "track"),
            "event": event,
            "user_id": user if known else None,
            "anonymous_id": anonymous if not known or rng.random() < 0.8 else None,
            "event_at": event_at,
            "booking_id": f"b{rng.randrange(6)}" if money else None,
            "amount": Decimal(rng.randrange(1, 99999)) / 100 if money else None,
            "commission": Decimal(rng.randrange(1, 9999)) / 100 if money else None,
            "medium": (medium := rng.choice(list(MEDIUMS))),
            "channel": MEDIUMS[medium],
        }
        return copy | _profile(copy)

    def _retry(self, tenant: str, own: list[Copy]) -> Copy:
        older = [c for c in self.sent if c["tenant"] == tenant]
        copy = dict(self.random.choice(older if older and self.random.random() < 0.7 else own))
        if self.random.random() < 0.3:
            copy["event_at"] += timedelta(minutes=7)  # a retried copy whose content differs
            copy |= _profile(copy)
        return copy

    def _receive(self, own: list[Copy], latest: datetime) -> None:
        """One landing lies on one UTC day; some rows share their time of arrival."""
        rng = self.random
        latest = max(latest, *(c["event_at"] for c in own)) + timedelta(minutes=1)
        day_end = latest.replace(hour=23, minute=59, second=59, microsecond=0)
        shared = rng.choice([latest, day_end])
        known = [c["received_at"] for c in self.sent if latest <= c["received_at"] <= day_end]
        for copy in own:
            copy["received_at"] = rng.choice([shared, latest, *known[:2]])

    def _count(self, copies: list[Copy]) -> None:
        before = {(c["tenant"], c["message_id"]): c for c in self.sent}
        inside: set[str] = set()
        for copy in copies:
            other = before.get((copy["tenant"], copy["message_id"]))
            if other and other["received_at"].date() != copy["received_at"].date():
                self.seen["duplicate across days"] += 1
            if other and other["received_at"] == copy["received_at"]:
                self.seen["equal received_at in two landings"] += 1
            if other and copy["received_at"] < other["received_at"]:
                self.seen["earlier received_at lands later"] += 1
            if any(self._long_before(c, copy) for c in self.sent):
                self.seen["somebody comes back after 28 days"] += 1
            if copy["message_id"] in inside:
                self.seen["duplicate inside one landing"] += 1
            inside.add(copy["message_id"])
            if copy["event"] == "user_identified" and copy["anonymous_id"]:
                self._count_identify(copy)

    @staticmethod
    def _long_before(other: Copy, copy: Copy) -> bool:
        same = any(copy[name] and copy[name] == other[name] for name in ("user_id", "anonymous_id"))
        apart = copy["event_at"] - other["event_at"]
        return same and copy["tenant"] == other["tenant"] and apart > timedelta(days=28)

    def _count_identify(self, copy: Copy) -> None:
        same = [
            c
            for c in self.sent
            if c["tenant"] == copy["tenant"] and c["anonymous_id"] == copy["anonymous_id"] and c is not copy
        ]
        if any(copy["received_at"] - c["event_at"] > timedelta(days=2) for c in same if not c["user_id"]):
            self.seen["identify after two days"] += 1
        if any(c["event"] == "user_identified" and c["event_at"] > copy["event_at"] for c in same):
            self.seen["a person renamed"] += 1


def _profile(copy: Copy) -> Copy:
    """What an identify tells of its user, from its id and time, so that the rest of a history is as without it."""
    number = int(copy["message_id"][-4:], 16) + copy["event_at"].minute if copy["type"] == "identify" else 0
    return {"plan": (None, "free", "plus")[number % 3], "role": (None, "guest", "host")[number // 3 % 3]}


def message(copy: Copy) -> dict[str, Any]:
    """The copy as a client would send it."""
    sent: dict[str, Any] = {
        "type": copy["type"],
        "messageId": copy["message_id"],
        "userId": copy["user_id"],
        "anonymousId": copy["anonymous_id"],
        "timestamp": copy["event_at"].isoformat() + "Z",
        "context": {"campaign": {"medium": copy["medium"]}} if copy["medium"] else {},
    }
    if copy["type"] == "track":
        sent["event"] = copy["event"]
    if copy["event"] == "search_performed":
        # What the plan does not declare, or only after a conversion: what drifts.
        odd = ({}, {"sort": "price"}, {"sort": 2}, {"results_count": "7"})[int(copy["message_id"][-1], 16) % 4]
        sent["properties"] = {"query": "flat", **odd}
    if copy["event"] == "listing_viewed":
        sent["properties"] = {"listing_id": f"listing-{copy['message_id'][0]}"}
    if copy["type"] == "identify":
        sent["traits"] = {name: copy[name] for name in ("plan", "role") if copy[name]}
    if copy["booking_id"]:
        sent["properties"] = {
            "booking_id": copy["booking_id"],
            "listing_id": f"listing-of-{copy['booking_id']}",
            "amount": str(copy["amount"]),
            "commission": str(copy["commission"]),
        }
    return {k: v for k, v in sent.items() if v is not None}
