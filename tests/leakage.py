"""Leakage counted plainly from accepted events: who asked whom, and whether the two booked in time."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from almanac.settings import Settings


def leaked(settings: Settings) -> dict[tuple[str, date], tuple[int, int]]:
    """Per tenant and local day of acceptance: acceptances without a booking in 14 days, and all that can be traced."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        events = con.execute(
            """
            select tenant, message_id, event, type, event_at, event_date, user_id, anonymous_id, listing_id, booking_id,
                properties->>'inquiry_id', properties->>'status', properties->>'supplier_id'
            from marts.fact_events order by event_at, message_id
            """
        ).fetchall()
    users: dict[tuple[str, str], str] = {}
    suppliers: dict[tuple[str, str], str] = {}
    for tenant, _, event, kind, _, _, user, device, listing, _, _, _, supplier in events:
        if kind == "identify" and user and device:
            users.setdefault((tenant, device), user)
        if event in ("listing_updated", "availability_published") and listing and supplier:
            suppliers[tenant, listing] = supplier
    asked: dict[tuple[str, str], tuple[Any, Any, datetime]] = {}
    booked: dict[tuple[str, Any, Any], list[datetime]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for tenant, _, event, _, at, _, user, device, listing, booking, inquiry, _, _ in events:
        person = user or users.get((tenant, device), device)
        whose = suppliers.get((tenant, listing), listing)
        if event == "inquiry_sent":
            asked.setdefault((tenant, inquiry), (person, whose, at))
        if event == "booking_confirmed" and (tenant, booking) not in seen:
            seen.add((tenant, booking))
            booked[tenant, person, whose].append(at)
    found: dict[tuple[str, date], tuple[int, int]] = {}
    for tenant, _, event, _, at, day, _, _, _, _, inquiry, status, _ in events:
        if event not in ("inquiry_sent", "inquiry_answered"):
            continue
        leaks, traced = found.get((tenant, day), (0, 0))
        person, whose, since = asked.get((tenant, inquiry), (None, None, at))
        if event == "inquiry_answered" and status == "accepted" and person and whose:
            is_booked = any(since <= when <= at + timedelta(days=14) for when in booked[tenant, person, whose])
            leaks, traced = leaks + (not is_booked), traced + 1
        found[tenant, day] = leaks, traced
    return found
