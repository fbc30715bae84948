"""Who comes when, on what device, from where, and with what in mind: the visits of one local day.

A day has six slots and a person has at most one visit a slot; a visit ends more than 31 minutes before its slot does.
That keeps planted sessions apart by construction, over midnight and clock changes too: the last slot reaches one hour
into the next day, whose first slot begins at two.
"""

from dataclasses import dataclass, field

import numpy as np

from ingestion.simulator.business import DIRECT, Behaviour, Business
from ingestion.simulator.columns import HOUR, NONE, Bools, Columns, Ints
from ingestion.simulator.people import People

SLOTS: tuple[tuple[int, int], ...] = (
    (2 * HOUR, 4 * HOUR),
    (6 * HOUR, 4 * HOUR),
    (10 * HOUR, 4 * HOUR),
    (14 * HOUR, 4 * HOUR),
    (18 * HOUR, 4 * HOUR),
    (22 * HOUR, 3 * HOUR),
)  # (start after local midnight, length); a day of 23 hours still leaves none overlapping
MAX_STEPS = 8  # searches, listing views or pages in one visit


@dataclass(frozen=True)
class Due(Columns):
    """Bookings that will be cancelled: by whom, and what is given back (minor units)."""

    person: Ints
    booking: Ints
    listing: Ints
    amount: Ints
    commission: Ints


@dataclass
class Memory:
    """What one day leaves to the next ones."""

    identified: Bools  # per device
    due: dict[int, list[Due]] = field(default_factory=dict)  # day ordinal -> cancellations of that day
    visits: int = 0  # planned so far
    bookings: int = 0

    def doomed(self) -> Ints:
        """The bookings that will be cancelled."""
        parts = [due.booking for dues in self.due.values() for due in dues]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Visits(Columns):
    """Visits of one day, ordered by device and slot."""

    person: Ints
    slot: Ints
    device: Ints
    campaign: Ints  # index of the campaign, or NONE
    recognised: Bools  # the visitor is logged in when the visit begins
    pages: Ints  # after the landing page
    searches: Ints
    listings: Ints
    books: Bools
    books_first: Bools  # the booking comes before the searches
    signs_up: Bools
    cancels: Bools


def draw_visits(
    business: Business, people: People, memory: Memory, day: int, since: int, rng: np.random.Generator
) -> Visits:
    """The visits of local day `day` (ordinal), `since` days after the first one; updates who is identified."""
    behaviour = business.behaviour
    person, slot = _who_comes(behaviour, people, day, since, rng)
    cancelling = _cancelling(memory, day)
    person, slot = _with_cancelling(person, slot, cancelling, rng)
    device = 2 * person + (people.two[person] & (rng.random(len(person)) < 0.35))
    order = np.lexsort((slot, device))
    person, slot, device = person[order], slot[order], device[order]
    n = len(person)

    cancels = _first_visit_of(person, slot) & np.isin(person, cancelling)
    bounced = (rng.random(n) < behaviour.bounce) & ~cancels
    searches = np.where(bounced, 0, np.minimum(rng.poisson(behaviour.searches, n), MAX_STEPS))
    listings = np.where(bounced, 0, np.minimum(rng.poisson(behaviour.listings, n), MAX_STEPS))
    first, days, factor = behaviour.dip
    usual = factor if first <= since < first + days else 1.0
    chance = usual * np.where(searches > 0, behaviour.books, behaviour.books_without_search)
    books = (listings > 0) & (rng.random(n) < chance)
    signs_up = rng.random(n) < behaviour.signs_up
    known = _known_at_start(memory.identified, device, books | cancels | signs_up)
    recognised = known & (rng.random(n) >= behaviour.logged_out)
    memory.identified[device[books | cancels | signs_up]] = True
    return Visits(
        person=person,
        slot=slot,
        device=device,
        campaign=_campaigns(business, n, rng),
        recognised=recognised,
        pages=np.where(bounced, 0, np.minimum(rng.poisson(1.2, n), MAX_STEPS)),
        searches=searches,
        listings=listings,
        books=books,
        books_first=books & (searches > 0) & (rng.random(n) < 0.05),
        signs_up=signs_up & ~known,
        cancels=cancels,
    )


def _who_comes(
    behaviour: Behaviour, people: People, day: int, since: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Persons and slots: weekday, growth and a slow yearly wave on top of each person's own rate."""
    weekday = behaviour.weekdays[(day - 1) % 7]  # ordinal 1 was a Monday
    season = 1 + behaviour.yearly_swing * np.sin(2 * np.pi * (day % 365) / 365)
    rate = people.rate * (weekday * season * (1 + behaviour.growth_per_day * since)) * (people.arrives <= since)
    chance = np.minimum(rate, 3.0)[:, None] * np.asarray(behaviour.hours)[None, :] / sum(behaviour.hours)
    persons, slots = np.nonzero(rng.random(chance.shape) < chance)
    return persons.astype(np.int64), slots.astype(np.int64)


def _cancelling(memory: Memory, day: int) -> Ints:
    due = memory.due.get(day, [])
    return np.unique(np.concatenate([d.person for d in due])) if due else np.empty(0, dtype=np.int64)


def _with_cancelling(person: Ints, slot: Ints, cancelling: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Whoever cancels today comes today: in a slot of daytime if there is no visit anyway."""
    slots = rng.integers(2, 5, len(cancelling))
    absent = ~np.isin(cancelling, person)
    return np.concatenate((person, cancelling[absent])), np.concatenate((slot, slots[absent]))


def _first_visit_of(person: Ints, slot: Ints) -> Bools:
    """Marks each person's first visit of the day."""
    order = np.lexsort((slot, person))
    first = np.ones(len(person), dtype=np.bool_)
    first[1:] = person[order][1:] != person[order][:-1]
    marks = np.empty(len(person), dtype=np.bool_)
    marks[order] = first
    return marks


def _known_at_start(identified: Bools, device: Ints, will_know: Bools) -> Bools:
    """Whether a device is identified before each visit; rows are ordered by device and slot."""
    before = np.concatenate(([0], np.cumsum(will_know)))[:-1]
    first = np.ones(len(device), dtype=np.bool_)
    first[1:] = device[1:] != device[:-1]
    base = np.maximum.accumulate(np.where(first, before, 0)) if len(device) else before
    return identified[device] | (before > base)


def _campaigns(business: Business, count: int, rng: np.random.Generator) -> Ints:
    weights = np.array([c.weight for c in business.campaigns])
    drawn = rng.choice(len(weights), size=count, p=weights / weights.sum())
    return np.where(rng.random(count) < business.direct, NONE, drawn).astype(np.int64)


def channel_index(business: Business, names: tuple[str, ...]) -> Ints:
    """Index into `names` of each campaign's channel, and DIRECT at the end, where NONE (-1) points."""
    return np.array([names.index(c.channel) for c in business.campaigns] + [DIRECT], dtype=np.int64)
