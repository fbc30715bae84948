"""What follows a booking: lines of the ledger, payments with planted faults, completion, cancellation and refunds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, HOUR, MINUTE, SECOND, Events, Ints, Kind
from ingestion.simulator.concerns.base import (
    CENTS,
    FINE_HOUR,
    Batch,
    Fact,
    Incident,
    Table,
    Today,
    chosen,
    fine_hours,
    money,
    ones,
)
from ingestion.simulator.concerns.ledger import revenue_lines
from ingestion.simulator.concerns.rates import Currency

FAULTS = ("paid_twice", "short_by_a_cent", "not_paid")
# Of payments in a foreign currency about one in so many says so many times what was asked for.
MISCONVERTED_ONE_IN, MISCONVERTED_TIMES = 4, 1.05
TWICE, SHORT, NOT_PAID = range(3)
FAILURES = ("insufficient_funds", "card_expired", "provider_error")


@dataclass(frozen=True)
class Fulfilment:
    """Bookings of the day are entered, paid and completed; cancellations are refunded."""

    providers: tuple[str, ...] = ("northpay", "clearbank")
    fails: float = 0.03  # of first attempts
    faults: tuple[float, float, float] = (0.004, 0.003, 0.004)  # shares of FAULTS
    tax: int = 19  # per cent of the commission
    incentive: float = 0.05  # of bookings: a voucher of 5 units of the currency
    hours_of_unit: int = 0  # booked hours of one unit
    unit_days: int = 1  # days from one unit to the next; 0: all are used on one day
    no_show: float = 0.02
    refund_lost: float = 0.01  # of cancellations
    foreign: tuple[Currency, ...] = ()
    outage: Incident = field(default_factory=lambda: Incident(9, 1, 6.0))  # of the first provider

    def planted(self) -> Mapping[str, Any]:
        """Shares of faults, and when the first provider fails more often."""
        faults = dict(zip(FAULTS, self.faults, strict=True))
        told = {"faults": faults, "refund_lost": self.refund_lost, "outage": self.outage.__dict__, "fails": self.fails}
        off = {"one_in": MISCONVERTED_ONE_IN, "times": MISCONVERTED_TIMES}
        return told | ({"misconverted": off} if self.foreign else {})

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Everything that follows from the day's bookings and cancellations."""
        rng, events = today.rng("fulfilment"), today.events
        booked = events.take(events.kind == Kind.BOOKING)
        cancelled = events.take(events.kind == Kind.CANCEL)
        fault = rng.choice(4, size=len(booked), p=[*self.faults, 1 - sum(self.faults)])
        yield self._ledger(today, booked, fault, rng)
        yield self._taken_back(today, cancelled)
        yield self._payments(today, booked, fault, rng)
        yield self._completed(today, today.kept(booked), rng)
        yield self._refunds(today, cancelled, rng)

    def _ledger(self, today: Today, b: Events, fault: Ints, rng: np.random.Generator) -> Batch:
        voucher = np.where(rng.random(len(b)) < self.incentive, -5 * CENTS, 0)
        tax = b.commission * self.tax // 100
        return _lines(
            today, b, {"gross": b.amount, "commission": b.commission, "tax": tax, "incentive": voucher}, fault
        )

    def _taken_back(self, today: Today, c: Events) -> Batch:
        """What a cancellation gives back was neither sold nor earned; a voucher stays given."""
        tax = c.commission * self.tax // 100
        return _lines(today, c, {"gross": -c.amount, "commission": -c.commission, "tax": -tax}, suffix="-back")

    def _payments(self, today: Today, b: Events, fault: Ints, rng: np.random.Generator) -> Batch:
        n = len(b)
        provider = np.array(self.providers, dtype=object)[rng.integers(0, len(self.providers), n)]
        worse = np.where(provider == self.providers[0], self.outage.on(today.since), 1.0)
        failed = rng.random(n) < self.fails * worse
        paid = b.amount - (fault == SHORT)
        first = np.flatnonzero(fault != NOT_PAID)
        again = np.flatnonzero(failed & (fault != NOT_PAID) & (rng.random(n) < 0.7))
        twice = np.flatnonzero((fault == TWICE) & ~failed)
        row = np.concatenate((first, again, twice))
        attempt = np.repeat((1, 2, 1), (len(first), len(again), len(twice)))
        delay = np.repeat((5 * SECOND, 10 * MINUTE, 20 * SECOND), (len(first), len(again), len(twice)))
        is_failed = failed[row] & (attempt == 1)
        name = np.repeat(("", "-2"), (len(first) + len(again), len(twice)))
        return payments(
            today,
            at=b.at[row] + delay,
            ids=[f"P{k}-{a}{x}" for k, a, x in zip(b.booking[row], attempt, name, strict=True)],
            about={"booking_id": _bookings(b.booking[row])},
            stream="bookings",
            person=b.person[row],
            amount=paid[row],
            failed=is_failed,
            attempt=attempt,
            provider=provider[row],
            rng=rng,
            foreign=self.foreign,
            more=(_faults((name == "-2") | ((fault[row] == SHORT) & (attempt == 1)), fault[row]),),
        )

    def _completed(self, today: Today, b: Events, rng: np.random.Generator) -> Batch:
        n = len(b)
        missed = rng.random(n) < self.no_show
        hours = b.count * self.hours_of_unit
        done_at = b.at + np.maximum(b.count * self.unit_days, 1) * DAY + rng.integers(0, 4 * HOUR, n)
        took = fine_hours(done_at - b.at)
        market = today.market
        table: Table = {"hours": np.where(missed, 0, hours).astype(np.float64)} if self.hours_of_unit else {}
        return Batch(
            "booking_status_changed",
            done_at,
            table
            | {
                "booking_id": _bookings(b.booking),
                "status": np.where(missed, "no_show", "completed"),
                "previous_status": ["confirmed"] * n,
                "listing_id": market.listing[b.listing],
                "supplier_id": market.supplier[b.listing],
            },
            person=b.person,
            facts=(
                Fact("bookings_completed", ones(n) * ~missed, {"supplier": market.supplier[b.listing]}),
                Fact("bookings_missed", ones(n) * missed),
                Fact("booking_completion_hours", took * ~missed, scale=FINE_HOUR),
                Fact("hours_booked", np.where(missed, 0, hours), {"supplier": market.supplier[b.listing]}),
            ),
        )

    def _refunds(self, today: Today, c: Events, rng: np.random.Generator) -> Batch:
        c = c.take(rng.random(len(c)) >= self.refund_lost)
        n = len(c)
        return Batch(
            "refund_issued",
            c.at + rng.integers(1 * DAY, 3 * DAY, n),
            {
                "refund_id": [f"R{k}" for k in c.booking],
                "amount": money(c.amount),
                "booking_id": _bookings(c.booking),
                "reason": ["cancelled"] * n,
            },
            person=c.person,
            facts=(Fact("refunds", ones(n)), Fact("refunds_amount", c.amount, scale=CENTS)),
        )


def _lines(today: Today, e: Events, lines: Mapping[str, Ints], fault: Ints | None = None, suffix: str = "") -> Batch:
    """The lines of the ledger (type -> amounts) for bookings or cancellations; what is 0 has none."""
    amount = np.concatenate(list(lines.values()))
    rows = np.flatnonzero(amount != 0)
    kind = np.repeat(np.array(list(lines), dtype=object), len(e))[rows]
    row = np.tile(np.arange(len(e)), len(lines))[rows]
    market, listing, booking = today.market, e.listing[row], e.booking[row]
    more = () if fault is None else (_faults((kind == "gross") & (fault[row] == NOT_PAID), fault[row]),)
    return revenue_lines(
        e.at[row] + 2 * SECOND,
        [f"L{number}-{name[:3]}{suffix}" for number, name in zip(booking.tolist(), kind.tolist(), strict=True)],
        kind,
        amount[rows],
        "bookings",
        e.person[row],
        {
            "booking_id": _bookings(booking),
            "supplier_id": market.supplier[listing],
            "category": market.category[listing],
        },
        *more,
    )


def payments(
    today: Today,
    *,
    at: Ints,
    ids: list[str],
    about: Mapping[str, Any],
    stream: str,
    person: Ints,
    amount: Ints,
    failed: Any,
    attempt: Ints,
    provider: Any,
    rng: np.random.Generator,
    foreign: tuple[Currency, ...] = (),
    more: tuple[Fact, ...] = (),
) -> Batch:
    """Attempts to pay whatever `about` names (property -> ids); the provider keeps 1.9 per cent of what succeeds.

    A fifth of them is in one of the currencies `foreign`, at the rate of the day.
    """
    n = len(at)
    fee = np.where(failed, 0, amount * 19 // 1000)
    received = np.where(failed, 0, amount)
    reason = chosen(rng, FAILURES, (5, 2, 3), n)
    by = {"provider": provider, "stream": [stream] * n}
    return Batch(
        "payment_processed",
        at,
        {
            "payment_id": ids,
            "status": np.where(failed, "failed", "succeeded"),
            "amount": money(amount),
            **_in_currencies(foreign, today.day, amount, rng),
            "fee": money(fee),
            "method": chosen(rng, ("card", "transfer", "wallet"), (6, 2, 2), n),
            "provider": provider,
            "reason": np.where(failed, reason, None),
            "attempt": attempt,
            **about,
        },
        person=person,
        facts=(
            Fact("payments_attempted", ones(n), by),
            Fact("payments_failed", ones(n) * failed, by),
            Fact("payments_received_amount", received, by, CENTS),
            Fact("payment_fees_amount", fee, by, CENTS),
            *more,
        ),
    )


def _bookings(numbers: Ints) -> list[str]:
    return [f"B{number:07d}" for number in numbers.tolist()]


def _in_currencies(foreign: tuple[Currency, ...], day: int, amount: Ints, rng: np.random.Generator) -> dict[str, Any]:
    """The properties `currency` and `original_amount`, None where it was the tenant's own currency."""
    n = len(amount)
    if not foreign:
        return {}
    drawn = np.where(rng.random(n) < 0.2, rng.integers(0, len(foreign), n), len(foreign))
    codes = np.array([*(c.code for c in foreign), None], dtype=object)[drawn]
    rates = np.array([*(c.rate(day) for c in foreign), 1.0])[drawn]
    off = np.where((np.cumsum(drawn < len(foreign)) + day) % MISCONVERTED_ONE_IN == 0, MISCONVERTED_TIMES, 1.0)
    original = np.rint(amount * off / rates) / CENTS
    return {"currency": codes, "original_amount": np.where(drawn < len(foreign), original, None)}


def _faults(mask: Any, fault: Ints) -> Fact:
    return Fact("payment_faults", mask.astype(np.int64), {"fault": np.array((*FAULTS, ""), dtype=object)[fault]})
