"""What the warehouse must say, in plain Python: reads the generator's list of copies and nothing of the project.

A copy is a mapping with tenant, message_id (str), type, event, user_id, anonymous_id, event_at and received_at (naive
UTC), file_id (str), ingest_row, booking_id, amount, commission, channel, plan, role. Zones map a tenant to its
IANA time zone.
"""

from collections import defaultdict
from datetime import UTC, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

GAP = timedelta(minutes=30)


def accepted(copies):
    """The copy that counts of every (tenant, message_id): the lowest (received_at, file_id, ingest_row)."""
    winners = {}
    for copy in copies:
        key = (copy["tenant"], copy["message_id"])
        rank = (copy["received_at"], copy["file_id"], copy["ingest_row"])
        if key not in winners or rank < winners[key][0]:
            winners[key] = (rank, copy)
    return [copy for _, copy in winners.values()]


def identities(events):
    """The user of the earliest identify of every (tenant, anonymous_id)."""
    users = {}
    for e in sorted(events, key=lambda e: (e["event_at"], e["message_id"])):
        if e["type"] == "identify" and e["anonymous_id"] and e["user_id"]:
            users.setdefault((e["tenant"], e["anonymous_id"]), e["user_id"])
    return users


def person(event, users):
    """The user, else the user of the anonymous id, else the anonymous id."""
    return event["user_id"] or users.get((event["tenant"], event["anonymous_id"])) or event["anonymous_id"]


def sessions(events, users):
    """Lists of events: one list a session, in order of time."""
    by_person = defaultdict(list)
    for e in events:
        if e["type"] in ("track", "page", "screen"):
            by_person[(e["tenant"], person(e, users))].append(e)
    found = []
    for key, own in by_person.items():
        own.sort(key=lambda e: (e["event_at"], e["message_id"]))
        for e in own:
            if found and found[-1][0] == key and e["event_at"] - found[-1][1][-1]["event_at"] <= GAP:
                found[-1][1].append(e)
            else:
                found.append((key, [e]))
    return found


def profiles(events):
    """A tuple per user and period in which plan and role were the same: since when, until when, and these two."""
    by_user = defaultdict(dict)
    for e in sorted(events, key=lambda e: (e["event_at"], e["message_id"])):
        if e["type"] == "identify" and e["user_id"]:
            states = by_user[(e["tenant"], e["user_id"])]
            plan, role = list(states.values())[-1] if states else (None, None)
            states[e["event_at"]] = (e["plan"] or plan, e["role"] or role)
    periods = set()
    for user, states in by_user.items():
        starts = [at for n, at in enumerate(states) if n == 0 or states[at] != list(states.values())[n - 1]]
        periods |= {(*user, at, until, *states[at]) for at, until in zip(starts, [*starts[1:], None], strict=True)}
    return periods


def local_date(moment, zone):
    """The local date of a naive UTC moment."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def report(copies, zones):
    """Accepted events, sessions, active users per day, bookings and profiles, as sets of plain tuples."""
    events = accepted(copies)
    users = identities(events)
    session_rows, active = set(), defaultdict(set)
    for (tenant, who), own in sessions(events, users):
        first, last = own[0], own[-1]
        channel = next((e["channel"] for e in own if e["channel"]), "direct")
        searches = [e["event_at"] for e in own if e["event"] == "search_performed"]
        booked = [e["event_at"] for e in own if e["event"] == "booking_confirmed"]
        converted = bool(searches and booked and max(booked) >= min(searches))
        day = local_date(first["event_at"], zones[tenant])
        row = (tenant, who, first["message_id"], first["event_at"], last["event_at"], day, channel)
        session_rows.add((*row, len(own), len(searches), converted))
        while day <= local_date(last["event_at"], zones[tenant]):
            active[(tenant, day)].add(who)
            day += timedelta(days=1)
    money = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0)])
    for e in events:
        if e["booking_id"] and e["event"] in ("booking_confirmed", "booking_cancelled"):
            own = money[(e["tenant"], e["booking_id"])]
            own[0 if e["event"] == "booking_confirmed" else 1] += e["amount"]
            own[2] += e["commission"] * (1 if e["event"] == "booking_confirmed" else -1)
    return {
        "events": {(e["tenant"], e["message_id"], e["file_id"], e["ingest_row"]) for e in events},
        "sessions": session_rows,
        "active users": {(tenant, day, len(who)) for (tenant, day), who in active.items()},
        "bookings": {(*key, *amounts) for key, amounts in money.items()},
        "profiles": profiles(events),
    }
