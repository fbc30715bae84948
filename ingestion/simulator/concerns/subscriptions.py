"""Subscriptions from their first day to their end, with an invoice a month and what becomes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, HOUR, Ints
from ingestion.simulator.concerns.base import CENTS, Batch, Fact, Today, chosen, iso_dates, money, ones
from ingestion.simulator.concerns.fulfilment import payments
from ingestion.simulator.concerns.ledger import revenue_lines

MONTH = 30  # days from one invoice to the next
TERM = 14  # days until it is due
Row = tuple[Any, ...]


@dataclass
class _Day:
    """What is planned for the subscriptions that begin on one day, row by row."""

    movements: list[Row] = field(default_factory=list)  # at, person, id, movement, mrr, before, plan
    invoices: list[Row] = field(default_factory=list)  # at, person, id, subscription, status, amount, tax, issued day
    payments: list[Row] = field(default_factory=list)  # at, person, id, invoice, amount, failed, attempt


@dataclass(frozen=True)
class Subscriptions:
    """New subscriptions a day; chances are for each month of a subscription."""

    per_day: float
    plans: tuple[tuple[str, int], ...]  # name, price of a month in minor units
    base: int = 40  # that begin on the first day
    expands: float = 0.06
    contracts: float = 0.03
    churns: float = 0.05
    returns: float = 0.25  # of those that churned, a month later
    late: float = 0.1  # of invoices: overdue first, then paid
    never: float = 0.03  # of invoices: written off in the end
    void: float = 0.01
    fails: float = 0.06  # of first payments
    tax: int = 21  # per cent
    months: int = 12

    def planted(self) -> Mapping[str, Any]:
        """Monthly chances, and what becomes of invoices."""
        names = ("expands", "contracts", "churns", "returns", "late", "never", "void", "fails")
        return {name: getattr(self, name) for name in names}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Subscriptions that begin today, with all that will become of them."""
        rng, planned = today.rng("subscriptions"), _Day()
        count = self.base if today.since == 0 else int(rng.poisson(today.rate(self.per_day)))
        persons, starts = today.somebody(rng, count), today.moments(rng, count)
        plans = rng.integers(0, len(self.plans), count)
        for n, (person, at, plan) in enumerate(zip(persons.tolist(), starts.tolist(), plans.tolist(), strict=True)):
            name, price = self.plans[plan]
            # Those of the first day stand for old ones, which are not all billed on one day of the month.
            wait = n * MONTH // count if today.since == 0 else 0
            self._live(planned, f"S{today.day}-{n}", person, at, name, price, today.day, wait, rng)
        yield from _batches(today, planned, rng)

    def _live(
        self,
        planned: _Day,
        name: str,
        person: int,
        at: int,
        plan: str,
        price: int,
        day: int,
        wait: int,
        rng: np.random.Generator,
    ) -> None:
        """One subscription, month by month; its first invoice comes `wait` days after its beginning."""
        mrr, before, movement = price, 0, "new"
        for month in range(self.months):
            later = wait + month * MONTH
            when = at + later * DAY
            if movement:
                planned.movements.append((when if month else at, person, name, movement, mrr, before, plan))
            if mrr:
                self._bill(planned, f"I{name[1:]}-{month}", name, person, when + HOUR, mrr, day + later, rng)
            before, movement = mrr, ""
            draw = rng.random()
            if not mrr:
                if draw >= self.returns:
                    return
                mrr, movement = price, "reactivation"
            elif draw < self.churns:
                mrr, movement = 0, "churn"
            elif draw < self.churns + self.contracts and mrr > price // 2:
                mrr, movement = mrr - price // 4, "contraction"
            elif draw < self.churns + self.contracts + self.expands:
                mrr, movement = mrr + price // 2, "expansion"

    def _bill(
        self, planned: _Day, name: str, of: str, person: int, at: int, net: int, day: int, rng: np.random.Generator
    ) -> None:
        """One invoice: void, paid in time, paid late or never."""
        tax = net * self.tax // 100
        amount, due = net + tax, at + TERM * DAY

        def state(when: int, status: str) -> None:
            planned.invoices.append((when, person, name, of, status, amount, tax, day))

        state(at, "issued")
        draw, days = rng.random(), int(rng.integers(1, TERM))
        if draw < self.void:
            state(at + DAY, "void")
            return
        if draw < self.void + self.never:
            state(due + HOUR, "overdue")
            state(due + 45 * DAY, "written_off")
            return
        if draw < self.void + self.never + self.late:
            state(due + HOUR, "overdue")
            days = TERM + int(rng.integers(2, 25))
        paid_at = at + days * DAY
        failed_first = bool(rng.random() < self.fails)
        if failed_first:
            planned.payments.append((paid_at - 6 * HOUR, person, f"{name}-1", name, amount, True, 1))
        planned.payments.append((paid_at, person, f"{name}-2", name, amount, False, 1 + failed_first))
        state(paid_at + HOUR, "paid")


def _batches(today: Today, planned: _Day, rng: np.random.Generator) -> Iterator[Batch]:
    if planned.movements:
        yield _movements(planned.movements)
    if planned.invoices:
        yield _invoices(planned.invoices)
        yield _lines(planned.invoices)
    if planned.payments:
        at, person, ids, invoice, amount, failed, attempt = zip(*planned.payments, strict=True)
        yield payments(
            today,
            at=np.array(at),
            ids=[f"P{name}" for name in ids],
            about={"invoice_id": list(invoice)},
            stream="subscriptions",
            person=np.array(person),
            amount=np.array(amount),
            failed=np.array(failed),
            attempt=np.array(attempt),
            provider=chosen(rng, ("northpay", "clearbank"), (1, 1), len(at)),
            rng=rng,
        )


def _movements(rows: list[Row]) -> Batch:
    at, person, names, movement, mrr, before, plan = zip(*rows, strict=True)
    after, earlier = _ints(mrr), _ints(before)
    own = {"subscription": list(names)}  # who was there at the beginning of a period is asked of each by itself
    begun, ended = (np.isin(movement, kinds).astype(np.int64) for kinds in (("new", "reactivation"), ("churn",)))
    return Batch(
        "subscription_changed",
        _ints(at),
        {
            "subscription_id": list(names),
            "movement": list(movement),
            "mrr": money(after),
            "previous_mrr": money(earlier),
            "plan": list(plan),
            "billing_interval": ["month"] * len(rows),
        },
        person=_ints(person),
        facts=(
            Fact("mrr_movement_amount", after - earlier, {"movement": list(movement), **own}, CENTS),
            Fact("subscription_movements", ones(len(rows)), {"movement": list(movement), "plan": list(plan)}),
            Fact("subscriptions_begun", begun, own),
            Fact("subscriptions_ended", ended, own),
            Fact("mrr_lost_amount", np.maximum(earlier - after, 0), scale=CENTS),
        ),
    )


def _invoices(rows: list[Row]) -> Batch:
    at, person, names, of, status, amount, tax, day = zip(*rows, strict=True)
    states, total, days = np.array(status, dtype=object), _ints(amount), _ints(day)
    told = ("issued", "paid", "void", "written_off")
    return Batch(
        "invoice_updated",
        _ints(at),
        {
            "invoice_id": list(names),
            "status": states,
            "amount": money(total),
            "tax_amount": money(_ints(tax)),
            "subscription_id": list(of),
            "due_date": iso_dates(days + TERM),
            "period_start": iso_dates(days),
            "period_end": iso_dates(days + MONTH - 1),
        },
        person=_ints(person),
        facts=(
            Fact("invoice_updates", ones(len(rows)), {"status": states}),
            *(Fact(f"invoices_{name}_amount", np.where(states == name, total, 0), scale=CENTS) for name in told),
        ),
    )


def _lines(rows: list[Row]) -> Batch:
    """An invoice is revenue from the day on which it is issued, without its tax; a void one is taken back."""
    signs = {"issued": 1, "void": -1}
    told = [row for row in rows if row[4] in signs]
    at, person, names, _, status, amount, tax, _ = zip(*told, strict=True)
    net = (_ints(amount) - _ints(tax)) * _ints([signs[one] for one in status])
    lines = [f"L{name}-{one}" for name, one in zip(names, status, strict=True)]
    about = {"invoice_id": list(names)}
    return revenue_lines(_ints(at) + 1_000, lines, ["gross"] * len(told), net, "subscriptions", _ints(person), about)


def _ints(values: Any) -> Ints:
    return np.array(values, dtype=np.int64)
