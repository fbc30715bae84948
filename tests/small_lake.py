"""A small lake for tests of what comes after landing: deterministic events of two tenants over a few days."""

import hashlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

from almanac.checks import CheckResult
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake

FIRST_DAY = date(2026, 3, 2)
PASSED = [CheckResult("planned", "lake", "lake", "error", True)]


def messages(day: date, visitors: int = 6, tag: str = "") -> list[dict[str, Any]]:
    """One day of a small business: every visitor looks, searches and (every other one) books; one is identified."""
    found: list[dict[str, Any]] = []
    for visitor in range(visitors):
        at = datetime(day.year, day.month, day.day, 8, tzinfo=UTC) + timedelta(minutes=47 * visitor)

        def add(kind: str, minute: int, n: int = visitor, at: datetime = at, **more: Any) -> None:
            name = more.get("event", kind)
            found.append(
                {
                    "type": kind,
                    "messageId": f"{tag}{day}-{n}-{name}-{minute}",
                    "anonymousId": f"visitor-{n}",
                    "timestamp": (at + timedelta(minutes=minute)).isoformat(),
                    "context": {"campaign": {"medium": "email"}} if n % 3 == 0 else {},
                    **more,
                }
            )

        add("page", 0)
        add("track", 3, event="search_performed", properties={"query": "flat"})
        add("track", 5, event="listing_viewed", properties={"listing_id": f"l{visitor % 3}", "city": "Berlin"})
        if visitor % 2 == 0:
            booking = {"booking_id": f"{tag}{day}-b{visitor}", "amount": f"{100 + visitor}.25", "commission": "10.05"}
            add("track", 9, event="booking_confirmed", properties=booking)
        if visitor == 1:
            add("identify", 11, userId="user-1")
    return found


def land_day(
    settings: Settings,
    day: date,
    *,
    tenant: str = "rentals",
    extra: list[dict[str, Any]] | None = None,
    tag: str = "",
    claimed: int = 0,
) -> str:
    """Land one day as one landing and return its file id; `extra` messages come after the ordinary ones.

    `claimed` events more than there are were counted at the door: then the books do not balance.
    """
    own = [*messages(day, tag=tag), *(extra or [])]
    late = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
    arrivals = [Arrival(late + timedelta(seconds=n), m) for n, m in enumerate(own)]
    content = hashlib.sha256(repr((tenant, own)).encode()).hexdigest()
    received = Counter(a.received_at.date() for a in arrivals) + Counter({day: claimed})
    landed = Lake.open(settings).land(tenant, "web", arrivals, content_hash=content, received=received)
    return landed.file_ids[0]


def land_days(settings: Settings, days: int, *, first: date = FIRST_DAY) -> None:
    """Land some days of tenants `rentals` and `advisory`."""
    for n in range(days):
        for tenant in ("rentals", "advisory"):
            land_day(settings, first + timedelta(days=n), tenant=tenant)
