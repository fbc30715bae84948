"""KPIs over several kinds of events, counted plainly from accepted ones: leakage, payments in foreign currencies."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from almanac.settings import Settings

Sides = dict[tuple[str, date], tuple[int, int]]  # per tenant and local day what is above and below


def misconverted(settings: Settings) -> Sides:
    """Payments more than 2 % off the published rate of their day, and all of which there is one."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        rates = con.execute(
            """
            select tenant, currency, cast(properties->>'rate_date' as date), cast(properties->>'rate' as decimal(18, 8))
            from marts.fact_events where event = 'fx_rate_published' order by event_at, message_id
            """
        ).fetchall()
        payments = con.execute(
            """
            select tenant, event_date, currency, amount, cast(properties->>'original_amount' as decimal(18, 4))
            from marts.fact_events where event = 'payment_processed' and (properties->>'original_amount') is not null
            """
        ).fetchall()
    published = {(tenant, currency, day): rate for tenant, currency, day, rate in rates}
    found: Sides = {}
    for tenant, day, currency, amount, original in payments:
        days = (day - timedelta(days=age) for age in range(7))
        rate = next((published[tenant, currency, d] for d in days if (tenant, currency, d) in published), None)
        if rate is not None:
            off, known = found.get((tenant, day), (0, 0))
            found[tenant, day] = off + (abs(amount - original * rate) * 50 > original * rate), known + 1
    return found


def leaked(settings: Settings) -> Sides:
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
    found: Sides = {}
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
