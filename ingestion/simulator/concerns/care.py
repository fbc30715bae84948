"""Customers after the sale: tickets of the support desk, surveys and reviews."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, HOUR, MINUTE, Ints, Kind
from ingestion.simulator.concerns.base import FINE_HOUR, Batch, Fact, Incident, Table, Today, chosen, fine_hours, ones

CATEGORIES = ("payment", "booking", "account", "complaint")
PRIORITIES = ("low", "normal", "high", "urgent")


@dataclass(frozen=True)
class Tickets:
    """Tickets from opening to closing; on the days of the incident there are more of them."""

    per_day: float
    answer_hours: float = 2.0  # median until the first answer
    solve_hours: float = 20.0  # median from then until it is solved
    reopened: float = 0.07
    wave: Incident = field(default_factory=lambda: Incident(10, 2, 3.0))

    def planted(self) -> Mapping[str, Any]:
        """Medians, the share of reopened ones, and the wave of tickets."""
        return {"answer_hours": self.answer_hours, "solve_hours": self.solve_hours, "wave": self.wave.__dict__}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Tickets that are opened today, with all that becomes of them."""
        rng = today.rng("tickets")
        n = int(rng.poisson(today.rate(self.per_day) * self.wave.on(today.since)))
        ids, person = today.ids("T", n), today.somebody(rng, n)
        about = {
            "category": chosen(rng, CATEGORIES, (4, 4, 2, 1), n),
            "priority": chosen(rng, PRIORITIES, (3, 6, 2, 1), n),
            "channel": chosen(rng, ("email", "chat", "phone_call"), (5, 4, 1), n),
        }
        opened = today.moments(rng, n, (0, 23))
        wait = np.exp(rng.normal(np.log(self.answer_hours * HOUR), 0.7, n)).astype(np.int64) + MINUTE
        work = np.exp(rng.normal(np.log(self.solve_hours * HOUR), 0.9, n)).astype(np.int64) + HOUR
        again = rng.random(n) < self.reopened
        more = rng.integers(HOUR, 2 * DAY, n)
        solved = opened + wait + work
        everything = np.ones(n, dtype=np.bool_)

        def told(status: str, at: Ints, mask: Any, *facts: Fact) -> Batch:
            rows = np.flatnonzero(mask)
            names = np.array(ids or [""], dtype=object)[rows]
            properties: Table = {"ticket_id": names, "status": [status] * len(rows)}
            properties |= {name: column[rows] for name, column in about.items()}
            return Batch("ticket_updated", at[rows], properties, person=person[rows], facts=facts)

        yield told("opened", opened, everything, Fact("tickets_opened", ones(n), about))
        yield told(
            "answered",
            opened + wait,
            everything,
            Fact("tickets_answered", ones(n), {"priority": about["priority"]}),
            Fact("ticket_first_response_hours", fine_hours(wait), {"priority": about["priority"]}, FINE_HOUR),
        )
        # A ticket that is opened again is solved a second time; its resolution time runs from the first opening.
        for at, mask in ((solved, everything), (solved + 2 * more, again)):
            rows = np.flatnonzero(mask)
            hours = fine_hours(at[rows] - opened[rows])
            facts = Fact("tickets_resolved", ones(len(rows))), Fact("ticket_resolution_hours", hours, scale=FINE_HOUR)
            yield told("resolved", at, mask, *facts)
        yield told("reopened", solved + more, again, Fact("tickets_reopened", ones(int(again.sum()))))
        closed = solved + np.where(again, 2 * more, 0) + 2 * DAY
        yield told("closed", closed, everything, Fact("tickets_closed", ones(n)))


@dataclass(frozen=True)
class Surveys:
    """Answers to "would you recommend us"; on the days of the incident there are more detractors."""

    per_day: float
    shares: tuple[float, float, float] = (0.52, 0.30, 0.18)  # promoters, passives, detractors
    slump: Incident = field(default_factory=lambda: Incident(11, 4, 2.0))  # of the detractors
    recommendations: float = 0.3  # of answers: about recommendations instead, 1 to 5
    content: float = 0.9  # of those: 4 or 5

    def planted(self) -> Mapping[str, Any]:
        """Shares of promoters, passives and detractors, and the slump."""
        return {"shares": self.shares, "slump": self.slump.__dict__, "content_with_recommendations": self.content}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Answers of the day."""
        rng = today.rng("surveys")
        n = int(rng.poisson(today.rate(self.per_day)))
        worse = np.array(self.shares) * (1, 1, self.slump.on(today.since))
        band = rng.choice(3, size=n, p=worse / worse.sum())
        low, high = np.array((9, 7, 0))[band], np.array((11, 9, 7))[band]
        nps = rng.integers(low, high)
        stars = np.where(rng.random(n) < self.content, rng.integers(4, 6, n), rng.integers(1, 4, n))
        other = rng.random(n) < self.recommendations
        survey = np.where(other, "recommendations", "nps").astype(object)
        bands = np.array(("promoter", "passive", "detractor"), dtype=object)[band]
        score = np.where(other, stars, nps)
        yield Batch(
            "survey_answered",
            today.moments(rng, n),
            {"survey_id": today.ids("V", n), "survey": survey, "score": score, "channel": ["email"] * n},
            person=today.somebody(rng, n),
            facts=(
                Fact("nps_answers", ones(n) * ~other, {"band": bands}),
                Fact("survey_answers", ones(n), {"survey": survey}),
                Fact("survey_scores", score, {"survey": survey}),
            ),
        )


@dataclass(frozen=True)
class Reviews:
    """Stars after bookings; the first supplier is a bad one."""

    writes: float = 0.35  # of bookings
    good: tuple[float, ...] = (0.03, 0.05, 0.12, 0.3, 0.5)  # shares of 1 to 5 stars
    bad: tuple[float, ...] = (0.4, 0.3, 0.2, 0.07, 0.03)

    def planted(self) -> Mapping[str, Any]:
        """Shares of stars."""
        return {"stars": self.good, "stars_of_the_first_supplier": self.bad}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Reviews that today's bookings will get."""
        rng, events, market = today.rng("reviews"), today.events, today.market
        booked = today.kept(events.take((events.kind == Kind.BOOKING) & (rng.random(len(events)) < self.writes)))
        n, supplier = len(booked), market.supplier[booked.listing]
        good, bad = (rng.choice(5, size=n, p=shares) + 1 for shares in (self.good, self.bad))
        stars = np.where(supplier == market.suppliers[0], bad, good)
        yield Batch(
            "review_submitted",
            booked.at + rng.integers(DAY, 7 * DAY, n),
            {
                "review_id": today.ids("RV", n),
                "score": stars,
                "listing_id": market.listing[booked.listing],
                "supplier_id": supplier,
                "booking_id": [f"B{number:07d}" for number in booked.booking.tolist()],
                "category": market.category[booked.listing],
            },
            person=booked.person,
            facts=(
                Fact("reviews", ones(n), {"supplier": supplier}),
                Fact("review_stars", stars, {"supplier": supplier}),
            ),
        )
