"""Projects of communities: launched, pledged for, funded or failed; and advertisements that are watched for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, HOUR, MINUTE, Ints, Kind
from ingestion.simulator.concerns.base import (
    CENTS,
    Batch,
    Fact,
    Today,
    Values,
    chosen,
    iso_dates,
    money,
    ones,
    visiting,
)
from ingestion.simulator.concerns.fulfilment import payments
from ingestion.simulator.concerns.ledger import revenue_lines


@dataclass(frozen=True)
class Projects:
    """Listing n is a project that is launched on day n modulo `span` and ends `runs[0]` to `runs[1]` days later.

    A project is funded if its pledges reach the target, and what was paid for one that failed is given back.
    """

    pledges: float = 0.25  # of views of a running project
    amounts: tuple[int, ...] = (1_000, 2_500, 2_500, 5_000, 10_000, 25_000)  # minor units
    target: tuple[int, int] = (8_000, 600_000)
    span: int = 90
    runs: tuple[int, int] = (12, 28)
    fails: float = 0.04  # of payments
    fee: int = 5  # per cent of what is paid

    def planted(self) -> Mapping[str, Any]:
        """Pledges for each view of a running project, and how long a project runs."""
        return {"pledges": self.pledges, "runs_days": self.runs, "payment_fails": self.fails}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Launches, pledges and ends of the day."""
        rng, count = today.rng("projects"), len(today.market.listing)
        low, high = self.target
        launch = np.arange(count) % self.span
        until = launch + self._days(np.arange(count))
        targets: dict[int, int] = today.memory.setdefault("targets", {})
        starting = np.flatnonzero(launch == today.since)
        drawn = np.exp(rng.uniform(np.log(low), np.log(high), len(starting))).astype(np.int64) // CENTS * CENTS
        targets |= dict(zip(starting.tolist(), drawn.tolist(), strict=True))
        yield self._state(today, starting, drawn, "active", today.moments(rng, len(starting), (0, 2)))
        running = (launch <= today.since) & (until > today.since)
        yield from self._pledged(today, running, rng)
        ending = np.flatnonzero(until == today.since)
        raised: dict[int, int] = today.memory.setdefault("raised", {})
        funded = np.array([raised.get(k, 0) >= targets[k] for k in ending.tolist()], dtype=np.bool_)
        for status, rows in (("funded", ending[funded]), ("failed", ending[~funded])):
            amount = np.array([targets[k] for k in rows.tolist()], dtype=np.int64)
            yield self._state(today, rows, amount, status, today.moments(rng, len(rows), (22, 23)))
        yield self._given_back(today, ending[~funded], rng)

    def _days(self, projects: Ints) -> Ints:
        """How long projects run."""
        shortest, longest = self.runs
        return shortest + projects * 7 % (longest - shortest + 1)

    def _state(self, today: Today, rows: Ints, target: Ints, status: str, at: Ints) -> Batch:
        market, n = today.market, len(rows)
        runs = self._days(rows)
        days = today.day + (runs if status == "active" else np.zeros(n, dtype=np.int64))
        return Batch(
            "listing_updated",
            at,
            {
                "listing_id": market.listing[rows],
                "listing_type": ["project"] * n,
                "status": [status] * n,
                "category": market.category[rows],
                "supplier_id": market.supplier[rows],
                "group_id": market.group[rows],
                "city": market.city[rows],
                "target_amount": money(target),
                "due_date": iso_dates(days),
            },
            facts=(
                Fact(
                    f"projects_{status}",
                    ones(n),
                    {"category": market.category[rows], "community": market.group[rows]},
                ),
                Fact("projects_target_amount", target, {"status": [status] * n}, CENTS),
                Fact("projects_funding_days", runs * (status == "funded")),
            ),
        )

    def _pledged(self, today: Today, running: Any, rng: np.random.Generator) -> Iterator[Batch]:
        market, spots = today.market, today.spots.where(today.spots.after == Kind.LISTING)
        spots = spots.where(spots.known & running[spots.listing] & (rng.random(len(spots)) < self.pledges))
        n, listing = len(spots), spots.listing
        at, amount = (
            spots.moments(0.5 + 0.4 * rng.random(n)),
            np.array(self.amounts)[rng.integers(0, len(self.amounts), n)],
        )
        ids = today.ids("PL", n)
        by: dict[str, Values] = {
            "project": market.listing[listing],
            "community": market.group[listing],
            "category": market.category[listing],
            "backer": [f"{today.business.user_prefix}-{person:06d}" for person in spots.person.tolist()],
        }
        yield visiting(
            spots,
            "pledge_made",
            at,
            {
                "pledge_id": ids,
                "listing_id": market.listing[listing],
                "amount": money(amount),
                "group_id": market.group[listing],
                "category": market.category[listing],
            },
            Fact("pledges", ones(n), by),
            Fact("pledges_amount", amount, by, CENTS),
        )
        failed = rng.random(n) < self.fails
        yield payments(
            today,
            at=at + MINUTE,
            ids=[f"P{name}" for name in ids],
            about={"pledge_id": ids},
            stream="pledges",
            person=spots.person,
            amount=amount,
            failed=failed,
            attempt=ones(n),
            provider=chosen(rng, ("northpay", "clearbank"), (1, 1), n),
            rng=rng,
        )
        good = np.flatnonzero(~failed)
        names = [ids[k] for k in good.tolist()]
        about = {"category": market.category[listing[good]], "supplier_id": market.supplier[listing[good]]}
        fee = amount[good] * self.fee // 100
        lines = [f"L{name}" for name in names]
        kind = ["commission"] * len(good)
        yield revenue_lines(at[good] + 2 * MINUTE, lines, kind, fee, "pledges", spots.person[good], about)
        raised: dict[int, int] = today.memory.setdefault("raised", {})
        kept: dict[int, list[tuple[str, int, int]]] = today.memory.setdefault("kept", {})
        for k, name, cents, person, is_lost in zip(
            listing.tolist(), ids, amount.tolist(), spots.person.tolist(), failed.tolist(), strict=True
        ):
            if not is_lost:
                raised[k] = raised.get(k, 0) + cents
                kept.setdefault(k, []).append((name, cents, person))

    def _given_back(self, today: Today, failed: Ints, rng: np.random.Generator) -> Batch:
        kept: dict[int, list[tuple[str, int, int]]] = today.memory.setdefault("kept", {})
        rows = [pledge for k in failed.tolist() for pledge in kept.get(k, [])]
        names, amount, person = zip(*rows, strict=True) if rows else ((), (), ())
        n, cents = len(rows), np.array(amount, dtype=np.int64)
        return Batch(
            "refund_issued",
            today.moments(rng, n, (9, 18)) + DAY,
            {
                "refund_id": [f"R{name}" for name in names],
                "amount": money(cents),
                "pledge_id": list(names),
                "payment_id": [f"P{name}" for name in names],
                "reason": ["project_failed"] * n,
            },
            person=np.array(person, dtype=np.int64),
            facts=(Fact("refunds", ones(n)), Fact("refunds_amount", cents, scale=CENTS)),
        )


@dataclass(frozen=True)
class Ads:
    """Advertisements that visitors watch for a project."""

    watches: float = 0.12  # of pages
    completed: float = 0.8
    earns: int = 2  # minor units of a completed view

    def planted(self) -> Mapping[str, Any]:
        """Views for each page, and how many are watched to the end."""
        return {"watches": self.watches, "completed": self.completed, "earns_minor_units": self.earns}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Views of the day."""
        rng, market = today.rng("ads"), today.market
        spots = today.spots.where(np.isin(today.spots.after, (Kind.PAGE, Kind.LISTING)))
        spots = spots.where(rng.random(len(spots)) < self.watches)
        n = len(spots)
        whole = rng.random(n) < self.completed
        seconds = np.where(whole, 30, rng.integers(2, 29, n))
        listing, earned = rng.integers(0, len(market.listing), n), np.where(whole, self.earns, 0)
        ad = [f"AD-{k}" for k in rng.integers(0, 12, n).tolist()]
        yield visiting(
            spots,
            "ad_viewed",
            spots.moments(0.3 * rng.random(n)),
            {
                "ad_id": ad,
                "placement": ["earn-for-a-project"] * n,
                "watched_seconds": seconds.astype(np.float64),
                "is_completed": whole,
                "amount": money(earned),
                "group_id": market.group[listing],
                "listing_id": market.listing[listing],
            },
            Fact("ad_views", ones(n), {"ad": ad, "is_completed": np.where(whole, "true", "false")}),
            Fact("ad_revenue_amount", earned, {"community": market.group[listing]}, CENTS),
        )


@dataclass(frozen=True)
class Float:
    """The float that loans are paid from: recorded every evening, with a dip on one day."""

    start: int = 5_000_000  # minor units
    dip: int = 14  # day after the first one on which a third is missing

    def planted(self) -> Mapping[str, Any]:
        """The day of the dip."""
        return {"dip_day": self.dip}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """The balance of the day."""
        rng = today.rng("float")
        level = int(today.memory.get("level", self.start)) + int(rng.integers(-40_000, 45_000))
        today.memory["level"] = level
        balance = np.array([level * 2 // 3 if today.since == self.dip else level], dtype=np.int64)
        change = balance - int(today.memory.get("told", 0))
        today.memory["told"] = int(balance[0])
        yield Batch(
            "balance_recorded",
            np.array([today.start + 22 * HOUR]),
            {"balance_account": ["float"], "balance": money(balance)},
            facts=(
                Fact("float_balance_amount", balance, scale=CENTS),
                Fact("float_change_amount", change, scale=CENTS),
            ),
        )
