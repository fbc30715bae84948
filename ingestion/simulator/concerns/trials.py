"""Experiments with a planted effect, and feature flags.

Who gets which variant is a hash of experiment and unit, so it never changes. An experiment with interference takes
from the control group what the treated ones win: comparing the two groups then finds more than switching to the
treatment would bring. A switchback gives everybody in a city the same variant for six hours, which is how the
difference is found.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from ingestion.simulator.columns import HOUR, Bools, Ints, Kind
from ingestion.simulator.concerns.base import CENTS, Batch, Fact, Spots, Today, Values, money, ones, visiting

SHARES = 10_000
VARIANTS = ("control", "treatment")


def is_treated(experiment: str, units: list[str], share: float) -> Bools:
    """Whether each unit is treated."""
    drawn = [crc32(f"{experiment}/{unit}".encode()) % SHARES for unit in units]
    treated: Bools = np.array(drawn, dtype=np.int64) < share * SHARES
    return treated


@dataclass(frozen=True)
class Trial:
    """One experiment: exposures of known visitors, and conversions within a day."""

    experiment: str
    first: int = 3  # day after the first one on which it starts
    share: float = 0.5  # treated
    base: float = 0.10  # conversions of an exposed unit where nobody is treated
    lift: float = 0.3  # what the treatment adds, relative
    taken: float = 0.0  # share of what the treated win that the control group loses
    is_switchback: bool = False
    exposes: float = 0.5  # of the visitors of a day

    def planted(self) -> Mapping[str, Any]:
        """The effect that a good analysis finds, and the one that a naive comparison finds."""
        control = self._rate(treated=False)
        return {
            **self.__dict__,
            "true_lift": self.lift * (1 - self.taken),
            "naive_lift": self._rate(treated=True) / control - 1,
        }

    def _rate(self, *, treated: bool) -> float:
        """Conversions of a unit; in a switchback there is nobody beside the treated ones to take from."""
        if self.is_switchback:
            return self.base * (1 + self.lift * (1 - self.taken)) if treated else self.base
        loss = self.base * self.lift * self.taken * self.share / (1 - self.share)
        return self.base * (1 + self.lift) if treated else max(self.base - loss, 0.0)

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Exposures and conversions of the day."""
        if today.since < self.first:
            return
        rng = today.rng(f"trial/{self.experiment}")
        spots = _one_a_person(today.spots.where(today.spots.known))
        spots = spots.where(rng.random(len(spots)) < self.exposes)
        n, at = len(spots), spots.moments(0.1 * rng.random(len(spots)))
        periods = self._periods(today, spots, at)
        units = periods or [str(person) for person in spots.person.tolist()]
        treated = is_treated(self.experiment, units, self.share)
        variant = np.where(treated, VARIANTS[1], VARIANTS[0]).astype(object)
        seen: set[int] = today.memory.setdefault("seen", set())
        first = np.array([person not in seen for person in spots.person.tolist()], dtype=np.int64)
        seen.update(spots.person.tolist())
        of_unit: dict[str, Values] = {
            "unit_type": ["period" if periods else "user"] * n,
            "unit_id": periods or [None] * n,
        }
        unit = np.array([f"{self.experiment}/{unit}" for unit in units], dtype=object)
        by = {f"{self.experiment} variant": variant, "unit": unit}
        yield visiting(
            spots,
            "experiment_exposed",
            at,
            {"experiment": [self.experiment] * n, "variant": variant, "status": ["exposed"] * n, **of_unit},
            Fact("exposures", ones(n), by),
            Fact("exposed_users_new", first, by),
        )
        converts = rng.random(n) < np.where(treated, self._rate(treated=True), self._rate(treated=False))
        yield self._conversions(np.flatnonzero(converts), spots, at, variant, of_unit, unit, rng)

    def _conversions(
        self,
        rows: Ints,
        spots: Spots,
        at: Ints,
        variant: Any,
        of_unit: Mapping[str, Values],
        unit: Any,
        rng: np.random.Generator,
    ) -> Batch:
        n = len(rows)
        amount = rng.integers(2_000, 20_000, n)
        by = {f"{self.experiment} variant": variant[rows], "unit": unit[rows]}
        return Batch(
            "experiment_converted",
            at[rows] + rng.integers(60_000, 3 * HOUR, n),
            {
                "experiment": [self.experiment] * n,
                "variant": variant[rows],
                "goal": ["booking"] * n,
                "amount": money(amount),
                **{name: np.array(column, dtype=object)[rows] for name, column in of_unit.items()},
            },
            person=spots.person[rows],
            facts=(Fact("conversions", ones(n), by), Fact("conversions_amount", amount, by, CENTS)),
        )

    def _periods(self, today: Today, spots: Spots, at: Ints) -> list[str]:
        """The cell of place and time that each exposure lies in; none unless it is a switchback."""
        if not self.is_switchback:
            return []
        cities = today.business.offer.cities
        quarter = (at - today.start) // (6 * HOUR)
        return [
            f"{cities[person % len(cities)]}/{today.day}-{part}"
            for person, part in zip(spots.person.tolist(), quarter.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class Flags:
    """Feature flags that are asked for known visitors, each rolled out to a share of them."""

    flags: tuple[tuple[str, float], ...] = (("new-calendar", 0.25), ("fast-checkout", 1.0))

    def planted(self) -> Mapping[str, Any]:
        """The share of each flag."""
        return dict(self.flags)

    def events_of(self, today: Today) -> Iterator[Batch]:
        """One evaluation of each flag for each known visitor of the day."""
        spots = _one_a_person(today.spots.where(today.spots.known & (today.spots.after == Kind.PAGE)))
        n, units = len(spots), [str(person) for person in spots.person.tolist()]
        for flag, share in self.flags:
            on = is_treated(flag, units, share)
            variant = np.where(on, "on", "off").astype(object)
            yield Batch(
                "flag_evaluated",
                spots.at,
                {"flag": [flag] * n, "variant": variant, "reason": ["static" if share == 1 else "split"] * n},
                person=spots.person,
                facts=(Fact("flag_evaluations", ones(n), {f"{flag} variant": variant}),),
            )


def _one_a_person(spots: Spots) -> Spots:
    """The first gap of each person."""
    order = np.lexsort((spots.at, spots.person))
    persons = spots.person[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = persons[1:] != persons[:-1]
    return spots.take(order[first])
