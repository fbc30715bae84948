"""Questions to suppliers: who gets an answer at once books, all others wait for hours and mostly do not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.columns import HOUR, MINUTE, NONE, SECOND, Bools, Ints, Kind
from ingestion.simulator.concerns.base import FINE_HOUR, Batch, Fact, Spots, Today, fine_hours, ones, visiting

ACCEPTED, EXPIRED = 0, 2
OUTCOMES = ("accepted", "declined", "expired")


@dataclass(frozen=True)
class Inquiries:
    """Questions after views, and how they are answered; suppliers answer within hours, or the inquiry runs out.

    The visits are there before the questions, so a question cannot make a booking: instead a share of those who book is
    said to have asked the same supplier a little earlier in their visit, and to have been accepted before they booked.
    """

    asks: float = 0.04  # of views after which nothing is booked with the same supplier
    asks_first: float = 0.7  # of bookings before which there is time for a question and its answer
    accepted: float = 0.45  # of questions that lead to no booking
    declined: float = 0.25  # the rest runs out after two days
    hours: float = 3.0  # median until an answer, unless it comes at once

    def planted(self) -> Mapping[str, Any]:
        """Who asks, shares of the outcomes, and the median of hours until an answer."""
        return {
            "asks": self.asks,
            "asks_first": self.asks_first,
            "accepted": self.accepted,
            "declined": self.declined,
            "median_hours": self.hours,
        }

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Inquiries of the day, and their answers."""
        rng, market = today.rng("inquiries"), today.market
        spots = today.spots.where(today.spots.after == Kind.LISTING)
        at = spots.moments(0.5 * rng.random(len(spots)))
        left = _time_to_booking(today, spots, at)
        is_chosen, leads = self._who_asks(spots, left, rng)
        spots, at, left, leads = spots.where(is_chosen), at[is_chosen], left[is_chosen], leads[is_chosen]
        n, listing = len(spots), spots.listing
        ids, category, supplier = today.ids("Q", n), market.category[listing], market.supplier[listing]
        yield visiting(
            spots,
            "inquiry_sent",
            at,
            {
                "inquiry_id": ids,
                "listing_id": market.listing[listing],
                "supplier_id": supplier,
                "category": category,
                "city": market.city[listing],
            },
            Fact("inquiries_sent", ones(n), {"category": category}),
        )
        outcome = rng.choice(3, size=n, p=(self.accepted, self.declined, 1 - self.accepted - self.declined))
        outcome = np.where(leads, ACCEPTED, outcome)
        wait = np.exp(rng.normal(np.log(self.hours * HOUR), 0.8, n)).astype(np.int64) + MINUTE
        wait = np.where(outcome == EXPIRED, 48 * HOUR, np.minimum(wait, 47 * HOUR))
        wait = np.where(leads, ((0.2 + 0.6 * rng.random(n)) * left).astype(np.int64), wait)
        hours = fine_hours(np.where(outcome == EXPIRED, 0, wait))
        status = np.array(OUTCOMES, dtype=object)[outcome]
        yield Batch(
            "inquiry_answered",
            at + wait,
            {"inquiry_id": ids, "status": status, "supplier_id": supplier},
            facts=(
                Fact("inquiries_answered", ones(n), {"status": status}),
                Fact("inquiry_answer_hours", hours, {"status": status}, FINE_HOUR),
            ),
        )

    def _who_asks(self, spots: Spots, left: Ints, rng: np.random.Generator) -> tuple[Bools, Bools]:
        """Which gaps hold a question, and which of these lead to the booking: the first of a visit that can."""
        can = np.flatnonzero(left > MINUTE)
        _, first = np.unique(spots.visit[can], return_index=True)
        leads = np.zeros(len(spots), dtype=np.bool_)
        leads[can[first]] = rng.random(len(first)) < self.asks_first
        return leads | ((rng.random(len(spots)) < self.asks) & (left == NONE)), leads


def _time_to_booking(today: Today, spots: Spots, at: Ints) -> Ints:
    """Milliseconds from each instant to the booking of its visit with the same supplier, NONE if there is none then."""
    events, supplier = today.events, today.market.supplier
    booked = events.take(events.kind == Kind.BOOKING)  # at most one in a visit, and in the order of visits
    if not len(booked):
        return np.full(len(spots), NONE, dtype=np.int64)
    row = np.minimum(np.searchsorted(booked.visit, spots.visit), len(booked) - 1)
    is_own = (booked.visit[row] == spots.visit) & (supplier[booked.listing[row]] == supplier[spots.listing])
    left = booked.at[row] - at
    return np.where(is_own & (left > SECOND), left, NONE)
