"""What happens in each visit: the events of one local day, in order and timed.

Events of a visit that make a session are at least two seconds and less than 29 minutes apart.
"""

from dataclasses import dataclass

import numpy as np

from ingestion.simulator.business import Business, Offer
from ingestion.simulator.calendar import Calendar
from ingestion.simulator.columns import (
    MINUTE,
    NONE,
    SECOND,
    Bools,
    Columns,
    Events,
    Floats,
    Ints,
    Kind,
    message_ids,
    stream,
)
from ingestion.simulator.people import People
from ingestion.simulator.visits import SLOTS, Due, Memory, Visits

SHORTEST_GAP = 2 * SECOND
LONGEST_GAP = 28 * MINUTE
GUARD = 32 * MINUTE  # between the end of a visit and the end of its slot; sessions end after 30 minutes of silence
LONG_PAUSES = 0.02  # share of gaps that come close to the end of a session without being it
LATE_CAMPAIGN = 0.03  # visits whose campaign appears on the second event only
SECOND_CAMPAIGN = 0.02  # visits that meet another campaign on the way
FROM_SERVER = 0.3  # bookings and cancellations that the platform's server reports: no anonymous id


@dataclass(frozen=True)
class Listings:
    """What is on offer: columns over listings."""

    city: Ints
    category: Ints
    price: Ints  # minor units of one unit

    @classmethod
    def of(cls, offer: Offer, tenant: str, seed: int) -> "Listings":
        """The listings of a tenant, the same for the same seed."""
        rng = stream(seed, tenant, "listings")
        low, high = offer.price
        price = np.exp(rng.uniform(np.log(low), np.log(high), offer.count)).astype(np.int64)
        return cls(
            city=rng.integers(0, len(offer.cities), offer.count),
            category=rng.integers(0, len(offer.categories), offer.count),
            price=price,
        )


@dataclass(frozen=True)
class Steps(Columns):
    """Things that happen in visits, before they are timed."""

    visit: Ints  # row of Visits
    kind: Ints
    stage: Floats  # orders the steps of a visit; steps of one stage come in random order


def day_events(
    business: Business,
    people: People,
    listings: Listings,
    memory: Memory,
    calendar: Calendar,
    day: int,
    visits: Visits,
    rng: np.random.Generator,
) -> Events:
    """The events of the visits of local day `day` (ordinal), ordered by visit and time."""
    due = memory.due.pop(day, [])
    cancelled = Due.concat(due) if due else None
    steps, due_row = _steps(visits, cancelled, rng)
    order = np.lexsort((rng.random(len(steps)), steps.stage, steps.visit))
    steps, due_row = steps.take(order), due_row[order]
    n, kind, row = len(steps), steps.kind, steps.visit
    first = np.ones(n, dtype=np.bool_)
    first[1:] = row[1:] != row[:-1]
    listing = _listings_seen(len(listings.price), kind, row, len(visits), rng)
    high, low = message_ids(rng, n)
    server = ((kind == Kind.BOOKING) | (kind == Kind.CANCEL)) & (rng.random(n) < FROM_SERVER)
    count, amount, commission = _figures(business.offer, listings, kind, listing, rng)
    booked = np.flatnonzero(kind == Kind.BOOKING)
    booking = np.full(n, NONE, dtype=np.int64)
    booking[booked] = memory.bookings + np.arange(len(booked))
    _give_back(cancelled, due_row, booking, listing, amount, commission)
    events = Events(
        visit=row + memory.visits,
        person=visits.person[row],
        device=visits.device[row],
        kind=kind,
        at=_times(calendar, day, visits, kind, row, first, rng),
        known=visits.recognised[row] | _since_identified(kind, first),
        anonymous=~server,
        # A server knows of no campaign.
        campaign=np.where(server, NONE, _campaign_seen(visits.campaign, row, first, len(business.campaigns), rng)),
        listing=listing,
        query=np.where(kind == Kind.SEARCH, rng.integers(0, len(business.queries), n), NONE),
        count=count,
        amount=amount,
        commission=commission,
        booking=booking,
        high=high,
        low=low,
    )
    memory.visits += len(visits)
    memory.bookings += len(booked)
    _will_cancel(business, memory, day, events.take(booked), rng)
    return events


def _steps(visits: Visits, cancelled: Due | None, rng: np.random.Generator) -> tuple[Steps, Ints]:
    """All steps of all visits, and for each the row of `cancelled` that it carries out (NONE if none)."""
    rows = np.arange(len(visits))
    login = ((visits.books | visits.cancels) & ~visits.recognised) | visits.signs_up
    early = visits.cancels | visits.books_first | (rng.random(len(visits)) < 0.5)
    login_stage = np.where(early, 1.0, 3.0)
    parts = [
        _part(rows, Kind.PAGE, 0.0),
        _part(np.repeat(rows, visits.pages), Kind.PAGE, 2.0),
        _part(np.repeat(rows, visits.searches), Kind.SEARCH, 2.0),
        _part(np.repeat(rows, visits.listings), Kind.LISTING, 2.0),
        _part(rows[login], Kind.IDENTIFY, login_stage[login]),
        _part(rows[visits.signs_up], Kind.SIGNUP, login_stage[visits.signs_up] + 0.1),
        _part(rows[visits.books], Kind.BOOKING, np.where(visits.books_first, 1.5, 4.0)[visits.books]),
        _part(rows[visits.books & (rng.random(len(visits)) < 0.5)], Kind.PAGE, 5.0),
    ]
    due_row = np.full(sum(len(p) for p in parts), NONE, dtype=np.int64)
    if cancelled is not None:
        visit_of = np.full(int(max(cancelled.person.max(), visits.person.max())) + 1, NONE, dtype=np.int64)
        visit_of[visits.person[visits.cancels]] = rows[visits.cancels]
        parts.append(_part(visit_of[cancelled.person], Kind.CANCEL, 1.8))
        due_row = np.concatenate((due_row, np.arange(len(cancelled))))
    return Steps.concat(parts), due_row


def _part(visit: Ints, kind: Kind, stage: float | Floats) -> Steps:
    return Steps(
        visit, np.full(len(visit), int(kind), dtype=np.int64), np.broadcast_to(stage, visit.shape).astype(float)
    )


def _listings_seen(count: int, kind: Ints, row: Ints, visits: int, rng: np.random.Generator) -> Ints:
    """The listing of each view and booking: every other view is of the one that its visit is interested in."""
    interest = _popular(count, visits, rng)[row]
    viewed = np.where(rng.random(len(row)) < 0.5, interest, _popular(count, len(row), rng))
    return np.where(kind == Kind.BOOKING, interest, np.where(kind == Kind.LISTING, viewed, NONE))


def _popular(count: int, size: int, rng: np.random.Generator) -> Ints:
    """Listings drawn so that the first ones are seen far more often than the last ones."""
    drawn: Ints = (count * rng.random(size) ** 2).astype(np.int64)
    return drawn


def _figures(
    offer: Offer, listings: Listings, kind: Ints, listing: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Count, amount and commission of each event; money in minor units, commission rounded down."""
    n = len(kind)
    is_booking, is_view = kind == Kind.BOOKING, kind == Kind.LISTING
    results = np.where(rng.random(n) < 0.06, 0, rng.integers(1, 120, n))
    units = rng.choice(np.array(offer.units), n)
    price = np.where(listing == NONE, 0, listings.price[listing])
    amount = np.where(is_booking, price * units, np.where(is_view, price, 0))
    commission = np.where(is_booking, amount * rng.choice(np.array(offer.commission), n) // 10_000, 0)
    count = np.where(kind == Kind.SEARCH, results, np.where(is_booking, units, NONE))
    return count, amount, commission


def _give_back(
    cancelled: Due | None, due_row: Ints, booking: Ints, listing: Ints, amount: Ints, commission: Ints
) -> None:
    """Write what the cancellations of the day give back into their events (in place)."""
    if cancelled is None:
        return
    at = np.flatnonzero(due_row != NONE)
    source = due_row[at]
    booking[at], listing[at] = cancelled.booking[source], cancelled.listing[source]
    amount[at], commission[at] = cancelled.amount[source], cancelled.commission[source]


def _since_identified(kind: Ints, first: Bools) -> Bools:
    """From the identify of a visit on, itself included, until the visit ends."""
    seen = np.cumsum(kind == Kind.IDENTIFY)
    before = np.maximum.accumulate(np.where(first, seen - (kind == Kind.IDENTIFY), 0))
    marks: Bools = seen > before
    return marks


def _campaign_seen(campaign: Ints, row: Ints, first: Bools, campaigns: int, rng: np.random.Generator) -> Ints:
    """The campaign in each event's context: the landing's, rarely that of the second event, rarely one more later."""
    n = len(row)
    second = np.zeros(n, dtype=np.bool_)
    second[1:] = first[:-1] & ~first[1:]
    has_second = np.zeros(n, dtype=np.bool_)
    has_second[:-1] = second[1:]
    moved = rng.random(len(campaign))[row] < LATE_CAMPAIGN
    seen = np.where(first & ~(moved & has_second), campaign[row], NONE)
    seen = np.where(second & moved, campaign[row], seen)
    another = ~first & ~second & (rng.random(n) < SECOND_CAMPAIGN / 4)
    return np.where(another, rng.integers(0, campaigns, n), seen)


def _times(
    calendar: Calendar, day: int, visits: Visits, kind: Ints, row: Ints, first: Bools, rng: np.random.Generator
) -> Ints:
    """When each event happens: inside its visit's slot, whose last `GUARD` stays silent."""
    n = len(row)
    gap = np.clip(np.exp(rng.normal(np.log(35.0 * SECOND), 1.1, n)), SHORTEST_GAP, LONGEST_GAP)
    gap = np.where(rng.random(n) < LONG_PAUSES, rng.uniform(20 * MINUTE, LONGEST_GAP, n), gap)
    # A login makes no session: its gap and the next one together must stay below the limit.
    gap = np.where(kind == Kind.IDENTIFY, rng.uniform(SHORTEST_GAP, 20 * SECOND, n), gap)
    gap = np.where(first, 0, gap)
    starts, lengths = np.array(SLOTS, dtype=np.int64)[visits.slot].T
    room = lengths - GUARD
    least = np.bincount(row, minlength=len(visits)) * SHORTEST_GAP
    total = np.bincount(row, weights=gap, minlength=len(visits))
    factor = np.where(total > room, (room - least) / np.maximum(total - least, 1), 1.0)[row]
    gap = np.where(first, 0, SHORTEST_GAP + (gap - SHORTEST_GAP) * factor)
    passed = np.cumsum(gap)
    passed = (passed - np.maximum.accumulate(np.where(first, passed, 0))).astype(np.int64)
    length = np.zeros(len(visits), dtype=np.int64)
    np.maximum.at(length, row, passed)
    begin = calendar.start(day) + starts + (rng.random(len(visits)) * np.maximum(room - length, 0)).astype(np.int64)
    at: Ints = begin[row] + passed
    return at


def _will_cancel(business: Business, memory: Memory, day: int, bookings: Events, rng: np.random.Generator) -> None:
    """Decide which of today's bookings will be cancelled, when, and whether all or half is given back."""
    n = len(bookings)
    earliest, latest = business.behaviour.cancel_days
    days = day + rng.integers(earliest, latest + 1, n)
    divisor = np.where(rng.random(n) < 0.8, 1, 2)
    due = Due(
        bookings.person, bookings.booking, bookings.listing, bookings.amount // divisor, bookings.commission // divisor
    )
    cancelled = rng.random(n) < business.behaviour.cancels
    for when in np.unique(days[cancelled]):
        memory.due.setdefault(int(when), []).append(due.take(cancelled & (days == when)))
