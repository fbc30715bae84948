"""What visitors do besides searching, viewing and booking: impressions, saves, recommendations, steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.simulator.columns import NONE, Ints, Kind
from ingestion.simulator.concerns.base import (
    Batch,
    Fact,
    Spots,
    Today,
    chosen,
    ones,
    visiting,
    where,
)

REASONS = ("near_you", "similar_price", "others_booked", "popular")


@dataclass(frozen=True)
class Interest:
    """Impressions after searches; saves after views."""

    impressions: float = 1.5  # mean number told of after a search
    saves: float = 0.12  # of views
    unsaves: float = 0.02

    def planted(self) -> Mapping[str, Any]:
        """Shares of views that are saved and taken out again."""
        return {"saves": self.saves, "unsaves": self.unsaves}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Interactions of the day."""
        rng = today.rng("interest")
        searched = today.spots.where(today.spots.after == Kind.SEARCH)
        seen = searched.take(np.repeat(np.arange(len(searched)), rng.poisson(self.impressions, len(searched))))
        viewed = today.spots.where(today.spots.after == Kind.LISTING)
        draw = rng.random(len(viewed))
        kept = viewed.where(draw < self.saves + self.unsaves)
        saved = np.where(draw[draw < self.saves + self.unsaves] < self.saves, "saved", "unsaved")
        any_listing = (len(today.market.listing) * rng.random(len(seen)) ** 2).astype(np.int64)
        yield self._told(today, seen, any_listing, np.full(len(seen), "impression"), "search-results", rng)
        yield self._told(today, kept, kept.listing, saved, "listing", rng)

    def _told(
        self, today: Today, spots: Spots, listing: Ints, action: Any, placement: str, rng: np.random.Generator
    ) -> Batch:
        n = len(spots)
        return visiting(
            spots,
            "listing_interacted",
            spots.moments(rng.random(n)),
            {
                "listing_id": today.market.listing[listing],
                "action": action,
                "position": rng.integers(1, 21, n),
                "placement": [placement] * n,
            },
            Fact("listing_interactions", ones(n), {"action": action, "listing": today.market.listing[listing]}),
        )


@dataclass(frozen=True)
class Recommendations:
    """A list of three on pages; the model's lists are clicked more often than the popular ones."""

    shown: float = 0.25  # of pages
    by_model: float = 0.7
    clicks: tuple[float, float] = (0.09, 0.04)  # of impressions: the model's, the popular ones

    def planted(self) -> Mapping[str, Any]:
        """Clicks for each impression, by the model and without it."""
        return {"model": self.clicks[0], "popularity": self.clicks[1]}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Impressions and clicks of the day."""
        rng = today.rng("recommendations")
        pages = today.spots.where(today.spots.after == Kind.PAGE)
        pages = pages.where(rng.random(len(pages)) < self.shown)
        lists, n = len(pages), 3 * len(pages)
        ids = np.array(today.ids("RC", lists) or [""], dtype=object)
        row, place = np.repeat(np.arange(lists), 3), np.tile((1, 2, 3), lists)
        model = (rng.random(lists) < self.by_model)[row]
        version = np.where(model, f"cf-{today.day // 7}", "popularity").astype(object)
        listing = today.market.listing[(len(today.market.listing) * rng.random(n) ** 2).astype(np.int64)]
        reason = chosen(rng, REASONS, (3, 3, 2, 1), n)
        clicked = rng.random(n) < np.where(model, *self.clicks)
        share = np.repeat(rng.random(lists) * 0.4, 3)
        for action, mask, later in (("impression", np.ones(n, dtype=np.bool_), 0.0), ("click", clicked, 0.5)):
            at = np.flatnonzero(mask)
            spots = pages.take(row[at])
            yield visiting(
                spots,
                "recommendation_interacted",
                spots.moments(share[at] + later),
                {
                    "recommendation_id": ids[row[at]],
                    "listing_id": listing[at],
                    "action": [action] * len(at),
                    "position": place[at],
                    "placement": ["home-suggestions"] * len(at),
                    "model_version": version[at],
                    "reason": reason[at],
                },
                Fact(f"recommendation_{action}s", ones(len(at)), {"model": np.where(model[at], "model", "popularity")}),
            )


@dataclass(frozen=True)
class Steps:
    """Steps of the funnel that have no event of their own, also of those who give up on the way."""

    details: float = 0.5  # of views
    gives_up: float = 0.08  # of views: the checkout is begun and left
    pays_in_vain: float = 0.2  # of those

    def planted(self) -> Mapping[str, Any]:
        """Shares of views."""
        return {"details": self.details, "gives_up": self.gives_up, "pays_in_vain": self.pays_in_vain}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Steps of the day."""
        rng, spots = today.rng("steps"), today.spots
        searched = spots.where(spots.after == Kind.SEARCH)
        yield self._reached(today, searched, "results_viewed", 0.1 * rng.random(len(searched)))
        viewed = spots.where(spots.after == Kind.LISTING)
        looked = viewed.where(rng.random(len(viewed)) < self.details)
        yield self._reached(today, looked, "details_reviewed", 0.2 * rng.random(len(looked)))
        booking = spots.where(spots.before == Kind.BOOKING)
        yield self._reached(today, booking, "checkout_started", 0.3 + 0.2 * rng.random(len(booking)))
        yield self._reached(today, booking, "payment_submitted", 0.7 + 0.2 * rng.random(len(booking)))
        lost = viewed.where((viewed.before != Kind.BOOKING) & (rng.random(len(viewed)) < self.gives_up))
        yield self._reached(today, lost, "checkout_started", 0.4 + 0.1 * rng.random(len(lost)))
        vain = lost.where(rng.random(len(lost)) < self.pays_in_vain)
        yield self._reached(today, vain, "payment_submitted", 0.8 + 0.1 * rng.random(len(vain)))

    def _reached(self, today: Today, spots: Spots, step: str, share: Any) -> Batch:
        n = len(spots)
        listing = where(spots.listing == NONE, None, today.market.listing[spots.listing])
        return visiting(
            spots,
            "funnel_step_reached",
            spots.moments(share),
            {"step": [step] * n, "funnel": ["booking"] * n, "listing_id": listing},
            Fact("funnel_steps", ones(n), {"step": [step] * n}),
        )
