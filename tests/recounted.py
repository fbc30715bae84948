"""What the messages of a simulated business say, counted plainly: for holding the simulator's truth against it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.envelope import Arrival
from ingestion.tracking_plan import judge, load_plan
from tests.recounted_joins import BOOKED, told_of

PLAN = load_plan()  # once: every call looks whether its files have changed
Key = tuple[str, str, date, str, str]  # KPI, time grain, first day, dimension, its value

ALONE = (
    "sessions", "active_users", "searches", "bookings", "gmv", "revenue", "gross_gmv", "buyers", "booked_listings",
    "listing_views", "new_users", "new_buyers", "signups", "selling_suppliers",
)  # fmt: skip
# What is divided by what, and of what there must be something for the KPI to have a value or none.
DIVIDED = {
    "search_to_book_conversion": ("converted", "searched", ("searched",)),
    "average_booking_value": ("gross_gmv", "bookings", ("bookings",)),
    "take_rate": ("revenue", "gmv", ("gmv",)),
    "cancelled_gmv_rate": ("cancelled", "gross_gmv", ("gmv",)),
    "spend_per_buyer": ("gross_gmv", "buyers", ("buyers",)),
    "cross_side_rate": ("buyers who sell", "buyers", ("buyers",)),
    "gmv_per_supplier": ("gross_gmv", "selling_suppliers", ("selling_suppliers",)),
    "demand_liquidity": ("buyers", "active_users", ("buyers", "active_users")),
    "repeat_booking_rate": ("repeated", "bookings", ("bookings",)),
    "supply_liquidity": ("booked_listings", "viewed", ("booked_listings", "viewed")),
    "zero_result_rate": ("found nothing", "searches", ("searches",)),
    "average_session_seconds": ("seconds", "sessions", ("sessions",)),
    "pages_per_session": ("pages", "sessions", ("sessions",)),
    "bounce_rate": ("bounced", "sessions", ("sessions",)),
    "signup_rate": ("signups", "sessions", ("signups", "sessions")),
    "signup_conversion_rate": ("converted signups", "signups", ("signups",)),
    "activation_rate": ("activated", "new_users", ("sessions",)),
    "return_rate": ("returned", "new_users", ("sessions",)),
    "revenue_per_active_user": ("revenue", "active_users", ("revenue", "active_users")),
}


def recount(arrivals: Iterable[Arrival], tenant: str) -> dict[Key, tuple[Decimal, Decimal]]:
    """Every KPI counted from the messages as they arrived, by the rules, without what the generator knows."""
    zone = ZoneInfo(PLAN.tenants[tenant].time_zone)
    # An identify is no part of a visit, and yet it says whose visits they are.
    known = {name for name, contract in PLAN.events.items() if contract.in_visit} | {"user_identified"}
    everything = clean(arrivals, tenant)
    listings, first_bookings = listings_of(everything), {}
    providers, suppliers = told_of(everything, "provider"), told_of(everything, "supplier_id")
    for event in everything:  # whose a booking is: of whom it says itself, else of its listing's supplier
        if event["event"] in BOOKED:
            own = listings[event["typed"]["listing_id"]]["supplier"]
            event["supplier"] = suppliers.get(event["typed"]["booking_id"], own)
    sellers = {f"u {event['typed'].get('supplier_user_id')}" for event in everything}
    events = [event for event in everything if event["event"] in known]
    users: dict[str, str] = {}
    for event in events:
        if event["event"] == "user_identified":
            users.setdefault(event["device"], event["user"])
    people: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["event"] != "user_identified":
            people[
                "u " + event["user"]
                if event["user"]
                else "u " + users[event["device"]]
                if event["device"] in users
                else "a " + event["device"]
            ].append(event)
    for person, theirs in people.items():
        for event in theirs:
            if event["event"] == "booking_confirmed":
                month = f"{event['at'].astimezone(zone):%Y-%m}"
                for who in (("buyer", person), ("supplier", event["supplier"])):
                    first_bookings[who] = min(month, first_bookings.get(who, month))
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    met: dict[Key, set[str]] = defaultdict(set)
    for person, theirs in people.items():
        has_booked = has_signed_up = False
        booked_in_time = any(
            e["event"] == "booking_confirmed" and e["at"] <= theirs[0]["at"] + timedelta(days=7) for e in theirs
        )
        first_day = theirs[0]["at"].astimezone(zone).date()
        comes_back = any(
            session[0]["at"].astimezone(zone).date() > first_day
            and session[0]["at"] <= theirs[0]["at"] + timedelta(days=28)
            for session in cut(theirs)
        )
        for session in cut(theirs):
            is_first = session[0] is theirs[0]
            channel = next((e["channel"] for e in session if e["channel"]), "direct")
            days = [e["at"].astimezone(zone).date() for e in session]
            searches = [e["at"] for e in session if e["event"] == "search_performed"]
            booked = [e["at"] for e in session if e["event"] == "booking_confirmed"]
            sent = [e["typed"] for e in session if e["device"]]
            for dimension in ("device_type", "browser"):
                value = str(sent[0][f"context_{dimension.replace('browser', 'browser_name')}"]) if sent else "unknown"
                for grain, start in periods(days[0]):
                    sums["sessions", grain, start, dimension, value] += 1
            campaign = next((e["typed"].get("context_campaign_name") for e in session if e["channel"]), None)
            country = next((c for e in session if (c := e["typed"].get("context_country"))), "unknown")
            for grain, start in periods(days[0]):
                sums["sessions", grain, start, "utm_campaign", campaign or "none"] += 1
                sums["sessions", grain, start, "country", country] += 1
            for cell in cells(days[0], channel):
                sums["sessions", *cell] += 1
                sums["seconds", *cell] += (session[-1]["at"] - session[0]["at"]) // timedelta(seconds=1)
                sums["pages", *cell] += sum(e["event"] in ("page_viewed", "screen_viewed") for e in session)
                sums["bounced", *cell] += len(session) == 1
                sums["new_users", *cell] += is_first
                sums["activated", *cell] += is_first and booked_in_time
                sums["returned", *cell] += is_first and comes_back
                if searches:
                    sums["searched", *cell] += 1
                    sums["converted", *cell] += any(at >= searches[0] for at in booked)
            for touched in set(days):
                for cell in (*cells(touched, channel), *cohort_cells(touched, first_day)):
                    met["active_users", *cell].add(person)
            for event, day in zip(session, days, strict=True):
                listing = event["typed"].get("listing_id")
                if event["event"] == "signup_completed":
                    last = event["at"] + timedelta(days=7)
                    converts = any(e["event"] == "booking_confirmed" and event["at"] <= e["at"] <= last for e in theirs)
                    for cell in (
                        *cells(day, channel),
                        *((g, s, "role", event["typed"]["role"]) for g, s in periods(day)),
                    ):
                        sums["signups", *cell] += not has_signed_up
                        sums["converted signups", *cell] += converts and not has_signed_up
                if event["event"] in BOOKED:
                    for key, amount in split_up(event, person, listings[listing], providers, first_bookings, zone):
                        for grain, start in periods(day):
                            sums[key[0], grain, start, *key[1:]] += amount
                if event["event"] == "search_performed":
                    for grain, start in periods(day):
                        sums["searches", grain, start, "market", market_of(event["typed"])] += 1
                        sums["searches", grain, start, "route", route_of(event["typed"])] += 1
                for cell in cells(day, channel):
                    if event["event"] == "search_performed":
                        sums["searches", *cell] += 1
                        sums["found nothing", *cell] += event["typed"]["results_count"] == 0
                    if event["event"] == "listing_viewed":
                        sums["listing_views", *cell] += 1
                        met["viewed", *cell].add(listing)
                    if event["event"] in BOOKED:
                        sign = 1 if event["event"] == "booking_confirmed" else -1
                        sums["gmv", *cell] += sign * event["amount"]
                        sums["revenue", *cell] += sign * event["commission"]
                        sums["cancelled", *cell] += 0 if sign == 1 else event["amount"]
                        if sign == 1:
                            sums["bookings", *cell] += 1
                            sums["gross_gmv", *cell] += event["amount"]
                            sums["repeated", *cell] += has_booked
                            sums["new_buyers", *cell] += not has_booked
                            met["buyers", *cell].add(person)
                            if person in sellers:
                                met["buyers who sell", *cell].add(person)
                            met["booked_listings", *cell].add(listing)
                            met["selling_suppliers", *cell].add(event["supplier"])
                has_booked = has_booked or event["event"] == "booking_confirmed"
                has_signed_up = has_signed_up or event["event"] == "signup_completed"
    counts = dict(sums) | {key: Decimal(len(who)) for key, who in met.items()}
    found = {key: (value, Decimal(1)) for key, value in counts.items() if key[0] in ALONE}
    for kpi, (above, below, where) in DIVIDED.items():
        for cell in {tuple(rest) for name, *rest in counts if name in where and told_by(kpi, rest[2])}:
            found[kpi, *cell] = (counts.get((above, *cell), Decimal(0)), counts.get((below, *cell), Decimal(0)))
    return found


def told_by(kpi: str, dimension: str) -> bool:
    """Whether a rate is told by a dimension that one of its sides has."""
    return dimension in ("all", "channel") or (kpi, dimension) in (
        ("signup_conversion_rate", "role"),
        ("average_booking_value", "provider"),
    )


def listings_of(events: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """What is known of each listing in the end: category, city, route and supplier."""
    found: dict[str, dict[str, str]] = {}
    for event in events:
        typed = event["typed"]
        if typed.get("listing_id"):
            own = found.setdefault(
                typed["listing_id"],
                {"category": "unknown", "city": "unknown", "route": "none", "supplier": typed["listing_id"]},
            )
            own |= {name: typed[name] for name in ("category", "city") if typed.get(name)}
            if event["event"] in ("listing_updated", "availability_published"):
                own |= {"supplier": typed["supplier_id"]} if typed.get("supplier_id") else {}
                if typed.get("destination"):
                    own["route"] = f"{typed['origin']}-{typed['destination']}"
    return found


def split_up(
    event: dict[str, Any],
    person: str,
    listing: dict[str, str],
    providers: dict[str, str],
    first_bookings: dict[Any, str],
    zone: ZoneInfo,
) -> Iterator[tuple[tuple[str, str, str], Decimal]]:
    """What a booking or a cancellation adds to KPIs by their dimensions besides the channel."""
    is_booking = event["event"] == "booking_confirmed"
    sign, count = (1, Decimal(1)) if is_booking else (-1, Decimal(0))
    values = {name: listing[name] for name in ("category", "city", "route")} | {"market": market_of(listing)}
    values["buyer_cohort"] = first_bookings.get(("buyer", person), "unknown")
    values["supplier_cohort"] = first_bookings.get(("supplier", event["supplier"]), "unknown")
    for dimension, value in values.items():
        yield ("gmv", dimension, value), sign * event["amount"]
        yield ("bookings", dimension, value), count
    hour = f"{event['at'].astimezone(zone):%H}"
    yield ("bookings", "hour_of_day", hour), count
    yield ("gmv", "hour_of_day", hour), sign * event["amount"]
    yield ("revenue", "hour_of_day", hour), sign * event["commission"]
    provider = providers.get(event["typed"]["booking_id"], "unknown")
    for kpi, amount in (("bookings", count), ("gmv", sign * event["amount"]), ("revenue", sign * event["commission"])):
        yield (kpi, "provider", provider), amount
    yield ("gross_gmv", "provider", provider), event["amount"] if is_booking else Decimal(0)
    yield ("revenue", "category", listing["category"]), sign * event["commission"]
    for dimension, value in (("supplier", ""), ("market_supplier", f"{market_of(listing)}|")):
        yield ("gross_gmv", dimension, value + event["supplier"]), event["amount"] if is_booking else Decimal(0)


def route_of(said: Mapping[str, Any]) -> str:
    """Origin and destination, where both are said."""
    return f"{said['origin']}-{said['destination']}" if said.get("origin") and said.get("destination") else "none"


def market_of(said: Mapping[str, Any]) -> str:
    """City and category, where both are known."""
    city, category = (said.get(name) or "unknown" for name in ("city", "category"))
    return "unknown" if "unknown" in (city, category) else f"{city} / {category}"


def clean(arrivals: Iterable[Arrival], tenant: str) -> list[dict[str, Any]]:
    """Accepted events, each once (the copy received first), with their corrected time, ordered by it."""
    seen: dict[str, dict[str, Any]] = {}
    for arrival in sorted(arrivals, key=lambda a: a.received_at):
        message = arrival.message
        assert isinstance(message, dict)
        judged = judge(PLAN, tenant, message)
        if judged.reasons or message["messageId"] in seen:
            continue
        at, sent = (datetime.fromisoformat(message[name]) for name in ("timestamp", "sentAt"))
        if abs(arrival.received_at - sent) > timedelta(seconds=60):
            at += arrival.received_at - sent
        seen[message["messageId"]] = {
            "id": message["messageId"],
            "at": at,
            "event": judged.event,
            "user": message.get("userId"),
            "device": message.get("anonymousId"),
            "channel": channel_of(judged.typed),
            "amount": judged.typed.get("amount"),
            "commission": judged.typed.get("commission"),
            "typed": judged.typed,
        }
    return sorted(seen.values(), key=lambda e: (e["at"], e["id"]))


def channel_of(typed: dict[str, Any]) -> str | None:
    medium = typed.get("context_campaign_medium")
    if medium in ("cpc", "ppc", "paid", "paid_search", "display"):
        return "paid"
    if medium in ("email", "social", "affiliate", "organic"):
        return str(medium)
    return "referral" if typed.get("context_campaign_source") or typed.get("context_page_referrer") else None


def cut(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Sessions of one person's events: more than 30 minutes of silence end one."""
    start = 0
    for n in range(1, len(events) + 1):
        if n == len(events) or events[n]["at"] - events[n - 1]["at"] > timedelta(minutes=30):
            yield events[start:n]
            start = n


def periods(day: date) -> tuple[tuple[str, date], ...]:
    month = day.replace(day=1)
    quarter = month.replace(month=day.month - (day.month - 1) % 3)
    return ("day", day), ("week", day - timedelta(days=day.weekday())), ("month", month), ("quarter", quarter)


def cohort_cells(day: date, since: date) -> Iterator[tuple[str, date, str, str]]:
    for grain, start in periods(day):
        yield grain, start, "user_cohort", f"{since:%Y-%m}"


def cells(day: date, channel: str) -> Iterator[tuple[str, date, str, str]]:
    for grain, start in periods(day):
        yield grain, start, "all", "all"
        yield grain, start, "channel", channel
