"""Loans from the request to the last instalment, with instalments that are missed and some that are caught up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, HOUR, Ints
from ingestion.simulator.concerns.base import CENTS, Batch, Fact, Today, iso_dates, money, ones
from ingestion.simulator.concerns.ledger import revenue_lines

MONTH = 30  # days between instalments
PURPOSES = ("farming", "shop", "tools", "school")
Row = tuple[Any, ...]


@dataclass
class _Plan:
    states: list[Row] = field(default_factory=list)  # at, person, loan, status, amount, months, group, purpose
    instalments: list[Row] = field(default_factory=list)  # at, person, loan, n, status, principal, interest, due, group
    interest: list[Row] = field(default_factory=list)  # at, person, loan, n, amount


@dataclass(frozen=True)
class Loans:
    """Requests a day; chances are of a loan or of one instalment."""

    per_day: float
    base: int = 25  # requests on the first day
    approved: float = 0.7
    missed: float = 0.1  # of instalments
    caught_up: float = 0.6  # of those, later
    yearly: float = 0.12  # interest
    amounts: tuple[int, ...] = (30_000, 60_000, 120_000, 240_000)  # minor units
    months: tuple[int, ...] = (3, 6, 12)

    def planted(self) -> Mapping[str, Any]:
        """Shares of approved requests, missed instalments, and missed ones that are paid later."""
        return {"approved": self.approved, "missed": self.missed, "caught_up": self.caught_up, "yearly": self.yearly}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Requests of the day, with all that becomes of them."""
        rng, plan = today.rng("loans"), _Plan()
        count = self.base if today.since == 0 else int(rng.poisson(today.rate(self.per_day)))
        persons, starts = today.somebody(rng, count).tolist(), today.moments(rng, count).tolist()
        for n, (person, at) in enumerate(zip(persons, starts, strict=True)):
            self._live(plan, today, f"LN{today.day}-{n}", person, at, rng)
        if plan.states:
            yield self._states(plan.states)
        if plan.instalments:
            yield _repayments(plan.instalments)
        if plan.interest:
            yield _interest(plan.interest)

    def _live(self, plan: _Plan, today: Today, loan: str, person: int, at: int, rng: np.random.Generator) -> None:
        amount, months = (int(rng.choice(choice)) for choice in (self.amounts, self.months))
        group, purpose = (str(rng.choice(names)) for names in (today.market.groups, PURPOSES))

        def state(when: int, status: str) -> None:
            plan.states.append((when, person, loan, status, amount, months, group, purpose))

        state(at, "requested")
        decided = at + int(rng.integers(4, 60)) * HOUR
        if rng.random() >= self.approved:
            state(decided, "declined")
            return
        state(decided, "approved")
        paid_out = decided + DAY
        state(paid_out, "disbursed")
        principal, rest = amount // months, amount
        last, is_owing = paid_out, False
        for n in range(1, months + 1):
            part = rest if n == months else principal
            interest = round(rest * self.yearly / 12)
            due_at, due = paid_out + n * MONTH * DAY, today.day + (paid_out - today.start) // DAY + n * MONTH
            rest -= part
            at_last, is_paid = self._instalment(plan, (person, loan, n), part, interest, due_at, due, group, rng)
            last, is_owing = max(last, at_last), is_owing or not is_paid
        state(last + HOUR, "defaulted" if is_owing else "repaid")

    def _instalment(
        self,
        plan: _Plan,
        whose: Row,
        part: int,
        interest: int,
        due_at: int,
        due: int,
        group: str,
        rng: np.random.Generator,
    ) -> tuple[int, bool]:
        """Pay it, or miss it and perhaps catch up; when that ended, and whether it was paid."""
        at, is_paid, status = due_at - int(rng.integers(1, 60)) * HOUR, True, "paid"
        if rng.random() < self.missed:
            plan.instalments.append((due_at, *whose, "missed", part, interest, due, group))
            at, status = due_at + int(rng.integers(3, 25)) * DAY, "caught_up"
            is_paid = bool(rng.random() < self.caught_up)
        if not is_paid:
            return due_at, False
        plan.instalments.append((at, *whose, status, part, interest, due, group))
        plan.interest.append((at, *whose, interest))
        return at, True

    def _states(self, rows: list[Row]) -> Batch:
        at, person, loan, status, amount, months, group, purpose = zip(*rows, strict=True)
        states, cents = np.array(status, dtype=object), _ints(amount)
        return Batch(
            "loan_updated",
            _ints(at),
            {
                "loan_id": list(loan),
                "status": states,
                "amount": money(cents),
                "interest_ratio": [self.yearly] * len(rows),
                "term_months": _ints(months),
                "group_id": list(group),
                "category": list(purpose),
            },
            person=_ints(person),
            facts=(
                Fact("loans", ones(len(rows)), {"status": states}),
                Fact(
                    "loans_disbursed_amount", np.where(states == "disbursed", cents, 0), {"group": list(group)}, CENTS
                ),
            ),
        )


def _repayments(rows: list[Row]) -> Batch:
    at, person, loan, number, state, part, interest, due, group = zip(*rows, strict=True)
    states, principal, extra = np.array(state, dtype=object), _ints(part), _ints(interest)
    is_paid, late = states != "missed", states == "caught_up"
    return Batch(
        "repayment_recorded",
        _ints(at),
        {
            "loan_id": list(loan),
            "installment": _ints(number),
            "status": np.where(is_paid, "paid", "missed"),
            "amount": money(principal + extra),
            "principal_amount": money(principal),
            "interest_amount": money(extra),
            "due_date": iso_dates(_ints(due)),
            "group_id": list(group),
        },
        person=_ints(person),
        facts=(
            Fact("repayments", ones(len(rows)), {"status": np.where(is_paid, "paid", "missed")}),
            Fact("repayments_principal_amount", np.where(is_paid, principal, 0), {"group": list(group)}, CENTS),
            Fact("repayments_interest_amount", np.where(is_paid, extra, 0), scale=CENTS),
            Fact("repayments_missed_amount", np.where(is_paid, 0, principal + extra), scale=CENTS),
            Fact("repayments_caught_up_amount", np.where(late, principal + extra, 0), scale=CENTS),
        ),
    )


def _interest(rows: list[Row]) -> Batch:
    at, person, loan, number, amount = zip(*rows, strict=True)
    names = [f"L{name}-{n}" for name, n in zip(loan, number, strict=True)]
    about = {"loan_id": list(loan)}
    return revenue_lines(_ints(at) + 1_000, names, ["fee"] * len(rows), _ints(amount), "interest", _ints(person), about)


def _ints(values: Any) -> Ints:
    return np.array(values, dtype=np.int64)
