"""What the messages of a simulated business say, counted plainly: for holding the simulator's truth against it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.envelope import Arrival
from ingestion.tracking_plan import judge, load_plan

PLAN = load_plan()  # once: every call looks whether its files have changed
Key = tuple[str, str, date, str, str]  # KPI, time grain, first day, dimension, its value


def recount(arrivals: Iterable[Arrival], tenant: str) -> dict[Key, tuple[Decimal, Decimal]]:
    """Every KPI counted from the messages as they arrived, by the rules, without what the generator knows."""
    zone = ZoneInfo(PLAN.tenants[tenant].time_zone)
    # An identify is no part of a visit, and yet it says whose visits they are.
    known = {name for name, contract in PLAN.events.items() if contract.in_visit} | {"user_identified"}
    events = [event for event in clean(arrivals, tenant) if event["event"] in known]
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
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    active: dict[Key, set[str]] = defaultdict(set)
    for person, theirs in people.items():
        for session in cut(theirs):
            channel = next((e["channel"] for e in session if e["channel"]), "direct")
            days = [e["at"].astimezone(zone).date() for e in session]
            searches = [e["at"] for e in session if e["event"] == "search_performed"]
            booked = [e["at"] for e in session if e["event"] == "booking_confirmed"]
            for cell in cells(days[0], channel):
                sums["sessions", *cell] += 1
                if searches:
                    sums["searched", *cell] += 1
                    sums["converted", *cell] += any(at >= searches[0] for at in booked)
            for touched in set(days):
                for cell in cells(touched, channel):
                    active["active_users", *cell].add(person)
            for event, day in zip(session, days, strict=True):
                for cell in cells(day, channel):
                    sums["searches", *cell] += event["event"] == "search_performed"
                    if event["event"] in ("booking_confirmed", "booking_cancelled"):
                        sign = 1 if event["event"] == "booking_confirmed" else -1
                        sums["gmv", *cell] += sign * event["amount"]
                        sums["revenue", *cell] += sign * event["commission"]
                        if sign == 1:
                            sums["bookings", *cell] += 1
                            sums["confirmed", *cell] += event["amount"]
    one, found = Decimal(1), {}
    for (name, *rest), value in sums.items():
        cell = tuple(rest)
        if name in ("sessions", "bookings") or (name == "searches" and value) or name in ("gmv", "revenue"):
            found[name, *cell] = (value, one)
        if name == "searched":
            found["search_to_book_conversion", *cell] = (sums["converted", *cell], value)
        if name == "bookings":
            found["average_booking_value", *cell] = (sums["confirmed", *cell], value)
        if name == "gmv":
            found["take_rate", *cell] = (sums["revenue", *cell], value)
    return found | {key: (Decimal(len(who)), one) for key, who in active.items()}


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


def cells(day: date, channel: str) -> Iterator[tuple[str, date, str, str]]:
    month = day.replace(day=1)
    quarter = month.replace(month=day.month - (day.month - 1) % 3)
    week = day - timedelta(days=day.weekday())
    for grain, start in (("day", day), ("week", week), ("month", month), ("quarter", quarter)):
        yield grain, start, "all", "all"
        yield grain, start, "channel", channel
