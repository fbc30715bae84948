"""By what the ground truth splits bookings and sessions besides their channel: places, hours, devices, cohorts.

What a listing is said to be is looked up in what has arrived: one that nobody has seen or published yet is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, NONE, Bools, Events, Ints, Kind
from ingestion.simulator.concerns.supply import SELLERS
from ingestion.simulator.engine import World
from ingestion.simulator.market import CHANCES, UNKNOWN, Market, cell, searched
from ingestion.simulator.people import BROWSERS, role_of
from ingestion.simulator.properties import MINOR_UNITS
from ingestion.simulator.truth_cells import ALL, GRAINS, Row, added_up, counted_once, period_of

NO_ROUTE = NO_CAMPAIGN = "none"
MONEY = ("gmv", "bookings")
RETURN_DAYS = 28


@dataclass(frozen=True)
class Split:
    """One dimension: of each event (or of each session) a code into `words`, and the KPIs that are told by it."""

    name: str
    words: Sequence[str]
    codes: Ints
    kpis: tuple[str, ...]


def split_up(world: World, events: Events, person: Ints, day: Ints, of_event: Ints) -> list[Row]:
    """What adds up, by its dimensions besides the channel.

    `person` and `day` are those of each session, `of_event` the session of each event.
    """
    sign = np.where(events.kind == Kind.BOOKING, 1, np.where(events.kind == Kind.CANCEL, -1, 0))
    booked, one = (sign == 1).astype(np.int64), np.ones(len(day), dtype=np.int64)
    is_signup = events.kind == Kind.SIGNUP
    signed_up = is_signup - repeated(events, person[of_event], Kind.SIGNUP)
    below = {"signup_conversion_rate": signed_up, "average_booking_value": booked}
    values = {
        "signups": (signed_up, 1),
        "signup_conversion_rate": (converted_signups(events, person[of_event]), 1),
        "average_booking_value": (booked * events.amount, MINOR_UNITS),
        "bookings": (booked, 1),
        "gmv": (sign * events.amount, MINOR_UNITS),
        "gross_gmv": (booked * events.amount, MINOR_UNITS),
        "revenue": (sign * events.commission, MINOR_UNITS),
        "sessions": (one, 1),
        "searches": ((events.kind == Kind.SEARCH).astype(np.int64), 1),
    }
    days = world.calendar.days(events.at)
    parts = (
        (of_events(world, events, person[of_event]), sign != 0, days),
        ([_roles(world, events)], is_signup, days),
        ([_searched_markets(world, events), _searched_routes(world, events)], events.kind == Kind.SEARCH, days),
        (of_sessions(world, events, of_event, len(day)), one == 1, day),
    )
    found: list[Row] = []
    for splits, counts, days in parts:
        for split, grain in product(splits, GRAINS):
            known = counts & (split.codes != NONE)
            period, codes = period_of(days[known], grain), split.codes[known]
            for kpi in split.kpis:
                added, scale = values[kpi]
                divided = added_up(period, codes, below[kpi][known]) if kpi in below else {}
                found += [
                    (
                        kpi,
                        grain,
                        cell[0],
                        split.name,
                        split.words[cell[1]],
                        Decimal(value) / scale,
                        Decimal(divided.get(cell, 1)),
                    )
                    for cell, value in sorted(added_up(period, codes, added[known]).items())
                    if cell[1] != ALL
                ]
    return found


def of_events(world: World, events: Events, person: Ints) -> list[Split]:
    """The dimensions of bookings: codes over events; only those of bookings and cancellations mean anything."""
    market, supplier = Market.of(world.business, world.listings), suppliers(world, events)
    days = world.calendar.days(events.at)
    seen = _described(world, events)
    place = np.where(seen[events.listing] & (events.listing != NONE), events.listing, NONE)
    published = np.where(supplier >= len(world.listings.price), NONE, events.listing)
    routes = np.where(market.origin != "", market.origin + "-" + market.destination, NO_ROUTE)
    return [
        Split("category", *_words(place, market.category, UNKNOWN), (*MONEY, "revenue")),
        Split("city", *_words(place, market.city, UNKNOWN), MONEY),
        Split("market", *_words(place, market.cells(), UNKNOWN), MONEY),
        Split("market_supplier", *_market_suppliers(world, market, place, supplier), ("gross_gmv",)),
        Split("route", *_words(published, routes, NO_ROUTE), MONEY),
        Split("provider", *_providers(world, events), (*MONEY, "revenue", "gross_gmv", "average_booking_value")),
        Split("hour_of_day", [f"{hour:02d}" for hour in range(24)], world.calendar.hours(events.at),
              (*MONEY, "revenue")),
        Split("buyer_cohort", *_cohorts(events, person, days), MONEY),
        Split("supplier_cohort", *_cohorts(events, supplier, days), MONEY),
        Split("supplier", [_supplier(world, market, n) for n in range(int(supplier.max(initial=0)) + 1)], supplier,
              ("gross_gmv",)),
    ]  # fmt: skip


def of_sessions(world: World, events: Events, of_event: Ints, count: int) -> list[Split]:
    """The dimensions of sessions: codes over sessions, from the first event of a device, or with a campaign."""
    people = world.people
    device = np.full(count, NONE, dtype=np.int64)
    sent = np.flatnonzero(events.anonymous)[::-1]  # backwards: the first one is written last
    device[of_event[sent]] = events.device[sent]
    placed = sent[people.place[events.device[sent]] != NONE]
    country = np.full(count, len(world.business.countries), dtype=np.int64)
    country[of_event[placed]] = people.place[events.device[placed]]
    told = np.flatnonzero(events.campaign != NONE)[::-1]
    campaign = np.full(count, NONE, dtype=np.int64)
    campaign[of_event[told]] = events.campaign[told]
    names = [c.name or NO_CAMPAIGN for c in world.business.campaigns] + [NO_CAMPAIGN]  # the last one is that of NONE
    found = sorted(set(names))
    mobile = np.where(device == NONE, 2, people.mobile[device].astype(np.int64))
    browser = np.where(device == NONE, len(BROWSERS), people.browser[device])
    return [
        Split("device_type", ("desktop", "mobile", UNKNOWN), mobile, ("sessions",)),
        Split("browser", (*BROWSERS, UNKNOWN), browser, ("sessions",)),
        Split("country", (*world.business.countries, UNKNOWN), country, ("sessions",)),
        Split("utm_campaign", found, np.array([found.index(name) for name in names])[campaign], ("sessions",)),
    ]


def converted_signups(events: Events, person: Ints) -> Ints:
    """1 for each first sign-up whose person books in the 7 days from it on; `person` is that of each event."""
    found = np.zeros(len(events), dtype=np.int64)
    again = repeated(events, person, Kind.SIGNUP)
    booked = np.flatnonzero(events.kind == Kind.BOOKING)
    booked = booked[np.lexsort((events.at[booked], person[booked]))]
    for row in np.flatnonzero((events.kind == Kind.SIGNUP) & (again == 0)).tolist():
        first, last = np.searchsorted(person[booked], (person[row], person[row] + 1))
        at = events.at[booked[first:last]]
        found[row] = int(((at >= events.at[row]) & (at <= events.at[row] + 7 * DAY)).any())
    return found


def repeated(events: Events, person: Ints, kind: Kind) -> Ints:
    """1 for each event of a kind whose person had one before; `person` is that of each event."""
    rows = np.flatnonzero(events.kind == kind)
    rows = rows[np.argsort(events.at[rows], kind="stable")]
    first_of_person = np.unique(person[rows], return_index=True)[1]
    found = np.zeros(len(events), dtype=np.int64)
    found[rows] = 1
    found[rows[first_of_person]] = 0
    return found


def returned(start: Ints, day: Ints, person: Ints) -> Bools:
    """Of each session: whether its person begins one on a later day, within 28 days of the first of all.

    `start` is in milliseconds, `day` the local day.
    """
    _, who = np.unique(person, return_inverse=True)
    came, since = (np.full(len(person) + 1, np.iinfo(np.int64).max, dtype=np.int64) for _ in range(2))
    np.minimum.at(came, who, start)
    np.minimum.at(since, who, day)
    again = (day > since[who]) & (start <= came[who] + RETURN_DAYS * DAY)
    found: Bools = np.isin(who, who[again])
    return found


def active_by_cohort(person: Ints, day: Ints, last_day: Ints) -> list[Row]:
    """Distinct persons with a session that touches the period, by the month of their first; all are of sessions."""
    _, who = np.unique(person, return_inverse=True)
    since = np.full(int(who.max(initial=-1)) + 1, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(since, who, day)
    first = [date.fromordinal(day).isoformat()[:7] for day in since.tolist()]
    months = sorted(set(first))
    cohort = np.array([months.index(month) for month in first], dtype=np.int64)
    over = last_day > day  # never longer than two days
    who, days = np.concatenate((who, who[over])), np.concatenate((day, last_day[over]))
    return [
        ("active_users", grain, cell[0], "user_cohort", months[cell[1]], Decimal(count), Decimal(1))
        for grain in GRAINS
        for cell, count in sorted(counted_once(period_of(days, grain), cohort[who], who).items())
        if cell[1] != ALL
    ]


def _roles(world: World, events: Events) -> Split:
    return Split("role", world.business.roles, role_of(events.person), ("signups", "signup_conversion_rate"))


def _searched_markets(world: World, events: Events) -> Split:
    """The market that each search names."""
    words = [cell(*place) for place in searched(world.business.offer)]
    found = sorted(set(words))
    by_chance = np.array([found.index(word) for word in words], dtype=np.int64)
    return Split("market", found, by_chance[(events.low % np.uint64(CHANCES)).astype(np.int64)], ("searches",))


def _searched_routes(world: World, events: Events) -> Split:
    """The route that each search names: of flights one after another, of anything else none."""
    market = Market.of(world.business, world.listings)
    words = [NO_ROUTE]
    if world.business.airports:
        words = [f"{start}-{end}" for start, end in zip(market.origin, market.destination, strict=True)]
    found = sorted(set(words))
    of_route = np.array([found.index(word) for word in words], dtype=np.int64)
    chance = (events.low % np.uint64(CHANCES)).astype(np.int64)
    return Split("route", found, of_route[chance % len(words)], ("searches",))


def _providers(world: World, events: Events) -> tuple[list[str], Ints]:
    """Through whom the listing of each event is booked; NONE without a listing."""
    if not world.business.is_detailed:
        return [UNKNOWN], np.zeros(len(events), dtype=np.int64)
    own = world.business.providers
    return list(own), np.where(events.listing == NONE, NONE, events.listing % len(own))


def _market_suppliers(world: World, market: Market, place: Ints, supplier: Ints) -> tuple[list[str], Ints]:
    """Market and supplier of each event's listing as one word, `market|supplier`; NONE without a listing."""
    words, of_event = _words(place, market.cells(), UNKNOWN)
    count = int(supplier.max(initial=0)) + 1
    pairs, codes = np.unique(np.where(supplier == NONE, NONE, of_event * count + supplier), return_inverse=True)
    named = [
        "" if pair == NONE else f"{words[pair // count]}|{_supplier(world, market, pair % count)}" for pair in pairs
    ]
    return named, np.where(supplier == NONE, NONE, codes)


def suppliers(world: World, events: Events) -> Ints:
    """The supplier of each event's listing: its number, or behind all listings' numbers that of a listing alone.

    A listing whose supplier nobody has told, and no booking either, stands for its supplier. Without a listing: NONE.
    """
    business, count = world.business, len(world.listings.price)
    # Known suppliers are numbered below the number of listings, listings that stand for themselves from there on.
    is_told = business.is_detailed or _is_published(world)
    number = events.listing % business.suppliers if is_told else events.listing + count
    return np.where(events.listing == NONE, NONE, number)


def is_supplier(world: World, person: Ints) -> Bools:
    """Whether each person is a supplier, too, and the platform has told so."""
    among = (person < world.business.suppliers) & (person % SELLERS == 0)
    found: Bools = among & (person < len(world.people)) & _is_published(world)
    return found


def _supplier(world: World, market: Market, number: int) -> str:
    count = len(world.listings.price)
    if number >= count:
        return str(market.listing[number - count])
    return market.suppliers[number] if number < len(market.suppliers) else ""


def _is_published(world: World) -> bool:
    """Whether listings are told of by their owners: on the first day, all at once."""
    return any(batch.event == "listing_updated" for batch in world.around.batches)


def _described(world: World, events: Events) -> Bools:
    """Of each listing: whether anything that has arrived says what it is. One more at the end, for NONE."""
    seen = np.zeros(len(world.listings.price) + 1, dtype=np.bool_)
    seen[:-1] = _is_published(world)
    seen[events.listing[events.kind == Kind.LISTING]] = True
    return seen


def _words(listing: Ints, column: Any, otherwise: str) -> tuple[list[str], Ints]:
    """The different words of a column over listings, and which of them each event has."""
    found = sorted({str(word) for word in column} | {otherwise})
    of_listing = np.array([found.index(str(word)) for word in [*column, otherwise]], dtype=np.int64)
    return found, of_listing[listing]


def _cohorts(events: Events, who: Ints, days: Ints) -> tuple[list[str], Ints]:
    """The month of the first booking of each event's buyer or supplier."""
    never = np.iinfo(np.int64).max
    first = np.full(int(who.max(initial=0)) + 2, never, dtype=np.int64)  # one more at the end, for NONE
    booked = (events.kind == Kind.BOOKING) & (who != NONE)
    np.minimum.at(first, who[booked], days[booked])
    months = [UNKNOWN if day == never else date.fromordinal(day).isoformat()[:7] for day in first.tolist()]
    found = sorted(set(months))
    return found, np.array([found.index(month) for month in months], dtype=np.int64)[who]
