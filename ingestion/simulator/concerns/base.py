"""What a concern is given for one day, and what it gives back: batches of events with what they add to the truth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import numpy as np

from ingestion.simulator.business import Business
from ingestion.simulator.columns import HOUR, SECOND, Bools, Events, Ints, Kind, stream
from ingestion.simulator.market import Market
from ingestion.simulator.people import People

Values = Ints | Sequence[Any] | np.ndarray[Any, Any]
Table = dict[str, Values]  # column by column
CENTS = 100
FINE_HOUR = 10_000  # parts of an hour that the truth tells


@dataclass(frozen=True)
class Fact:
    """What each row of a batch adds to a quantity of the truth, and by which dimensions that is told.

    `values` are whole numbers; `scale` is by what they are divided (100 for minor units of money).
    """

    quantity: str
    values: Ints
    by: Mapping[str, Values] = field(default_factory=dict)
    scale: int = 1


@dataclass(frozen=True)
class Batch:
    """Events of one kind, column by column. `properties` has canonical names; None in a column leaves it out."""

    event: str
    at: Ints  # epoch milliseconds UTC
    properties: Mapping[str, Values]
    person: Ints | None = None  # None: nobody's, a system reports it
    device: Ints | None = None  # None: a server sends it
    known: Bools | None = None  # carries the user id; None: wherever there is a person
    reaches: Ints | None = None  # when it reaches the door, where something else decides that
    facts: tuple[Fact, ...] = ()

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class Incident:
    """Days on which something is worse than usual, counted from the first day of the world."""

    first: int
    days: int
    factor: float

    def on(self, since: int) -> float:
        """By what a rate is multiplied `since` days after the first one."""
        return self.factor if self.first <= since < self.first + self.days else 1.0


@dataclass(frozen=True)
class Spots:
    """Gaps inside of visits in which something else may happen: columns over gaps.

    Whatever lies in such a gap arrives together with the event after it, so it neither opens nor extends a session
    that would not be there without it, whenever the world ends.
    """

    after: Ints  # kind of the event before the gap
    before: Ints  # kind of the event after it
    at: Ints  # when the gap begins
    gap: Ints  # its length, milliseconds
    reaches: Ints
    person: Ints
    device: Ints
    known: Bools
    listing: Ints
    visit: Ints

    def where(self, mask: Bools) -> "Spots":
        """The gaps for which the mask holds."""
        return Spots(**{name: column[mask] for name, column in self.__dict__.items()})

    def take(self, rows: Ints) -> "Spots":
        """The gaps at these positions; one may be taken several times."""
        return Spots(**{name: column[rows] for name, column in self.__dict__.items()})

    def moments(self, share: Any) -> Ints:
        """An instant inside of each gap; `share` from 0 to 1 says how far in its first minute."""
        room = np.minimum(self.gap, 60_000) - 400
        at: Ints = self.at + 200 + (np.asarray(share) * room).astype(np.int64)
        return at

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class Today:
    """One local day of a tenant's world, as its visits have made it."""

    business: Business
    seed: int
    day: int  # ordinal
    since: int  # days after the first one
    start: int  # epoch milliseconds at which the day begins
    people: People
    market: Market
    events: Events  # of the day's visits
    spots: Spots
    doomed: Ints  # bookings that are going to be cancelled
    present: Ints  # persons who have identified by now
    memory: dict[str, Any]  # a concern's own, kept from day to day

    def rng(self, purpose: str) -> np.random.Generator:
        """The random stream of one purpose on this day."""
        return stream(self.seed, self.business.tenant, f"concern/{purpose}", self.day)

    def rate(self, per_day: float) -> float:
        """A mean number for the day: weekday, growth and season act as they do on visits.

        `per_day` is that of the business with its own number of persons; a smaller world has less.
        """
        b = self.business.behaviour
        per_day *= len(self.people) / self.business.users
        season = 1 + b.yearly_swing * np.sin(2 * np.pi * (self.day % 365) / 365)
        return float(per_day * b.weekdays[(self.day - 1) % 7] * season * (1 + b.growth_per_day * self.since))

    def somebody(self, rng: np.random.Generator, count: int) -> Ints:
        """Persons among those who are known to the platform."""
        if not len(self.present):
            return np.zeros(count, dtype=np.int64)
        chosen: Ints = self.present[rng.integers(0, len(self.present), count)]
        return chosen

    def kept(self, bookings: Events) -> Events:
        """Those of some bookings that will not be cancelled."""
        return bookings.take(~np.isin(bookings.booking, self.doomed))

    def moments(self, rng: np.random.Generator, count: int, hours: tuple[int, int] = (7, 21)) -> Ints:
        """Instants of the day between two hours after local midnight."""
        low, high = hours
        return self.start + rng.integers(low * HOUR, high * HOUR, count)

    def ids(self, prefix: str, count: int) -> list[str]:
        """Ids that nothing else has, for things that begin on this day."""
        return [f"{prefix}{self.day}-{n}" for n in range(count)]


class Concern(Protocol):
    """One concern with its parameters."""

    def events_of(self, today: Today) -> Iterator[Batch]:
        """What is planned on a day, also what will happen later because of it."""
        ...

    def planted(self) -> Mapping[str, Any]:
        """What a check may look for: name -> what was planted."""
        ...


def spots_of(events: Events, received: Ints) -> Spots:
    """The gaps of a day's visits; `received` is when each event reaches the door."""
    n = len(events)
    inside = np.zeros(n, dtype=np.bool_)
    inside[:-1] = (events.visit[1:] == events.visit[:-1]) & (events.kind[1:] != Kind.IDENTIFY)
    inside &= (events.kind != Kind.IDENTIFY) & events.anonymous
    rows = np.flatnonzero(inside)
    return Spots(
        after=events.kind[rows],
        before=events.kind[rows + 1],
        at=events.at[rows],
        gap=events.at[rows + 1] - events.at[rows],
        reaches=received[rows + 1],
        person=events.person[rows],
        device=events.device[rows],
        known=events.known[rows],
        listing=events.listing[rows],
        visit=events.visit[rows],
    )


def money(minor: Ints) -> Values:
    """Minor units as JSON numbers: the floats nearest to the exact decimals."""
    amounts: Values = minor / CENTS
    return amounts


def iso(at: Ints) -> list[str]:
    """Epoch milliseconds as ISO 8601 in UTC."""
    return [f"{text}Z" for text in np.datetime_as_string(at.astype("datetime64[ms]"), unit="ms").tolist()]


def iso_dates(days: Ints) -> list[str]:
    """Ordinals of local days as ISO dates."""
    return [date.fromordinal(day).isoformat() for day in days.tolist()]


def chosen(rng: np.random.Generator, names: Sequence[str], weights: Sequence[float], count: int) -> Any:
    """Names drawn by weight, as an array."""
    shares = np.asarray(weights, dtype=np.float64)
    return np.array(names, dtype=object)[rng.choice(len(names), size=count, p=shares / shares.sum())]


def where(mask: Any, yes: Any, no: Any) -> Any:
    """One value or the other for each row; None is a value too."""
    return np.where(mask, np.asarray(yes, dtype=object), np.asarray(no, dtype=object))


def fine_hours(span: Ints) -> Ints:
    """Milliseconds as parts of an hour (`FINE_HOUR`), of whole seconds as the warehouse counts them."""
    hours: Ints = np.rint(span // SECOND * (FINE_HOUR * SECOND / HOUR)).astype(np.int64)
    return hours


def ones(count: int) -> Ints:
    """A one for each row."""
    return np.ones(count, dtype=np.int64)


def visiting(spots: Spots, event: str, at: Ints, properties: Mapping[str, Values], *facts: Fact) -> Batch:
    """Events that visitors make inside of the gaps `spots`."""
    return Batch(event, at, properties, spots.person, spots.device, spots.known, spots.reaches, facts)
