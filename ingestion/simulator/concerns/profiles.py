"""What the platform learns about its users over time, and which communities they join."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.columns import Ints
from ingestion.simulator.concerns.base import Batch, Fact, Today, chosen, ones

AGES = ("18-24", "25-34", "35-44", "45-54", "55+")


@dataclass(frozen=True)
class Profiles:
    """Changes of users' profiles a day; a user is what the newest one says and was what the older ones said."""

    per_day: float
    roles: tuple[str, ...]
    plans: tuple[str, ...] = ("free", "plus")

    def planted(self) -> Mapping[str, Any]:
        """The roles and tariffs that there are."""
        return {"roles": self.roles, "plans": self.plans}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Changes of the day."""
        if not len(today.present):
            return
        rng = today.rng("profiles")
        n = int(rng.poisson(today.rate(self.per_day)))
        role, plan = (
            chosen(rng, self.roles, [1] * len(self.roles), n),
            chosen(rng, self.plans, range(len(self.plans), 0, -1), n),
        )
        yield Batch(
            "user_identified",
            today.moments(rng, n),
            {
                "role": role,
                "plan": plan,
                "city": chosen(rng, today.business.offer.cities, [1] * len(today.business.offer.cities), n),
                "age_group": chosen(rng, AGES, (2, 4, 3, 2, 1), n),
            },
            person=today.somebody(rng, n),
            facts=(Fact("profile_changes", ones(n), {"role": role, "plan": plan}),),
        )


@dataclass(frozen=True)
class Memberships:
    """Users who join a community; the first community is joined most."""

    per_day: float

    def planted(self) -> Mapping[str, Any]:
        """Members a day."""
        return {"per_day": self.per_day}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Members who join today."""
        if not len(today.present):
            return
        rng, groups = today.rng("memberships"), today.market.groups
        n = int(rng.poisson(today.rate(self.per_day)))
        number = (len(groups) * rng.random(n) ** 2).astype(np.int64)
        names, cities = np.array(groups, dtype=object)[number], today.business.offer.cities
        at, person = today.moments(rng, n), today.somebody(rng, n)
        yield Batch(
            "group_joined",
            at,
            {
                "group_id": names,
                "name": [f"Circle {k}" for k in number.tolist()],
                "city": [cities[k % len(cities)] for k in number.tolist()],
            },
            person=person,
            facts=(
                Fact("group_members_joined", ones(n), {"group": names}),
                Fact("group_members_new", self._are_new(today, at, person, number), {"community_id": names}),
            ),
        )

    def _are_new(self, today: Today, at: Ints, person: Ints, group: Ints) -> Ints:
        """1 for everybody who is not in the community yet, in the order of time."""
        members: set[tuple[int, int]] = today.memory.setdefault("members", set())
        new = np.zeros(len(at), dtype=np.int64)
        for row in np.argsort(at, kind="stable").tolist():
            pair = (int(person[row]), int(group[row]))
            new[row] = pair not in members
            members.add(pair)
        return new
