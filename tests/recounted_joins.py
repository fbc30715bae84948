"""KPIs over several kinds of events, counted plainly from accepted ones: leakage, activation, foreign currencies."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from almanac.settings import Settings

BOOKED = ("booking_confirmed", "booking_cancelled")
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
            select tenant, event_date, currency, amount, cast(properties->>'original_amount' as decimal(18, 4)),
                properties->>'payment_id', properties->>'status', properties->>'attempt'
            from marts.fact_events where event = 'payment_processed' and (properties->>'original_amount') is not null
            order by event_at, message_id
            """
        ).fetchall()
    published = {(tenant, currency, day): rate for tenant, currency, day, rate in rates}
    found: Sides = {}
    seen: set[tuple[str, ...]] = set()
    for tenant, day, currency, amount, original, *payment in payments:
        if (tenant, *payment) in seen:
            continue
        seen.add((tenant, *payment))
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
    # What a booking names itself, maybe in a later line; what its cancellation names counts where no line says it.
    named: dict[tuple[str, str, str], str] = {}
    for kind in BOOKED:
        for tenant, _, event, _, _, _, _, _, _, booking, inquiry, _, supplier in events:
            if event == kind:
                for what, told in (("supplier", supplier), ("inquiry", inquiry)):
                    if told:
                        named.setdefault((tenant, booking, what), told)
    booked: dict[tuple[str, Any, Any], list[datetime]] = defaultdict(list)
    made: dict[tuple[str, str], datetime] = {}
    came_of: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for tenant, _, event, _, at, _, user, device, listing, booking, inquiry, _, supplier in events:
        person = user or users.get((tenant, device), device)
        whose = suppliers.get((tenant, listing), listing)
        if event == "inquiry_sent":
            asked.setdefault((tenant, inquiry), (person, supplier or whose, at))
        if event == "booking_confirmed" and (tenant, booking) not in made:
            made[tenant, booking] = at
            booked[tenant, person, named.get((tenant, booking, "supplier"), whose)].append(at)
            came_of[tenant, named.get((tenant, booking, "inquiry"), "")].append(at)
    found: Sides = {}
    told: set[tuple[str, ...]] = set()
    for tenant, _, event, _, at, day, _, _, _, booking, inquiry, status, _ in events:
        if event not in ("inquiry_sent", "inquiry_answered") or (tenant, event, inquiry, status) in told:
            continue
        told.add((tenant, event, inquiry, status))
        leaks, traced = found.get((tenant, day), (0, 0))
        person, whose, since = asked.get((tenant, inquiry), (None, None, at))
        if event == "inquiry_answered" and status == "accepted":
            until, is_known = at + timedelta(days=14), bool(person and whose)
            is_booked = is_known and any(since <= when <= until for when in booked[tenant, person, whose])
            is_booked |= any(when <= until for when in came_of[tenant, inquiry])
            is_booked |= (tenant, booking) in made and made[tenant, booking] <= until
            leaks, traced = leaks + (is_known and not is_booked), traced + (is_known or is_booked)
        found[tenant, day] = leaks, traced
    return found


def pledged_after_signup(settings: Settings) -> Sides:
    """Per tenant and local day of the account: those whose user pledges within 7 days, and all that are created."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        events = con.execute(
            """
            select tenant, event, type, event_at, event_date, user_id, anonymous_id
            from marts.fact_events order by event_at, message_id
            """
        ).fetchall()
    users: dict[tuple[str, str], str] = {}
    pledged: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for tenant, event, kind, at, _, user, device in events:
        if kind == "identify" and user and device:
            users.setdefault((tenant, device), user)
        if event == "pledge_made" and user:
            pledged[tenant, user].append(at)
    found: Sides = {}
    known: set[tuple[str, str]] = set()
    for tenant, event, _, at, day, user, device in events:
        if event == "signup_completed" and (not user or (tenant, user) not in known):
            known.add((tenant, user))
            person, (active, accounts) = user or users.get((tenant, device), device), found.get((tenant, day), (0, 0))
            is_active = any(at <= when <= at + timedelta(days=7) for when in pledged[tenant, person])
            found[tenant, day] = active + is_active, accounts + 1
    return found


def pledged_while_running(settings: Settings) -> Sides:
    """Per tenant and local day: what is pledged for projects that run on it, and how many do."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        events = con.execute(
            """
            select tenant, event, event_date, listing_id, properties->>'status', amount
            from marts.fact_events
            where event = 'pledge_made' or (event = 'listing_updated' and (properties->>'listing_type') = 'project')
            order by event_at, message_id
            """
        ).fetchall()
        newest = dict(con.execute("select tenant, local_date from intermediate.int_events__as_of").fetchall())
    told: dict[tuple[str, str], list[tuple[date, str]]] = defaultdict(list)
    pledged: dict[tuple[str, str, date], Any] = defaultdict(int)
    for tenant, event, day, project, status, amount in events:
        if event == "pledge_made":
            pledged[tenant, project, day] += amount
        else:
            told[tenant, project].append((day, status))
    found: Sides = {}
    for (tenant, project), states in told.items():
        running: set[date] = set()
        ends = [day for day, _ in states[1:]] + [max(newest[tenant], states[-1][0])]
        for (day, status), end in zip(states, ends, strict=True):
            if status == "active":
                running |= {day + timedelta(days=n) for n in range((end - day).days + 1)}
        for day in running:
            money, days = found.get((tenant, day), (0, 0))
            found[tenant, day] = money + pledged[tenant, project, day], days + 1
    return found


def requested(settings: Settings) -> Sides:
    """Per tenant and local day since the first one with a request: requests, and the seconds of which there is data."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        days = con.execute(
            "select tenant, event_date, count(*) from marts.fact_events where event = 'api_request' group by 1, 2"
        ).fetchall()
        zones = dict(con.execute("select tenant, time_zone from ctl.tenant").fetchall())
        (newest,) = con.execute("select max(received_at) from marts.fact_events").fetchone() or (None,)
    quarter = timedelta(minutes=15)
    until = (newest.replace(tzinfo=UTC) - datetime.min.replace(tzinfo=UTC)) // -quarter * -quarter
    found: Sides = {}
    for tenant in {own for own, _, _ in days}:
        counts = {day: count for own, day, count in days if own == tenant}
        day = min(counts)
        while (start := _midnight(day, zones[tenant])) < until or day <= max(counts):
            end = min(_midnight(day + timedelta(days=1), zones[tenant]), until)
            found[tenant, day] = counts.get(day, 0), max(0, int((end - start).total_seconds()))
            day += timedelta(days=1)
    return found


def _midnight(day: date, zone: str) -> timedelta:
    """When a local day begins, since the beginning of counted time (UTC)."""
    at = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return at - datetime.min.replace(tzinfo=UTC)


def told_of(events: list[dict[str, Any]], name: str) -> dict[str, str]:
    """Provider or supplier of each booking that names one: as its first confirmation that does, else cancellation."""
    told = [e for e in events if e["event"] in BOOKED and e["typed"].get(name)]
    told.sort(key=lambda e: e["event"] != "booking_confirmed")  # within each kind they stay in the order of their times
    return {e["typed"]["booking_id"]: e["typed"][name] for e in reversed(told)}
