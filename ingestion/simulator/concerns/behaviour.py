"""What browsers tell without being asked: clicks (also angry ones), scrolling, and how fast pages were."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.columns import Kind
from ingestion.simulator.concerns.base import Batch, Fact, Incident, Today, chosen, ones, visiting

ROUTES = {Kind.PAGE: "/", Kind.SEARCH: "/search", Kind.LISTING: "/listing/{listing_id}"}
ELEMENTS = ("search-button", "filter-price", "photo", "book-button", "menu")
BURST, BURST_MS = 5, 180  # clicks of a rage burst, and milliseconds between them
# Median, spread, and the bounds of good and poor.
VITALS: dict[str, tuple[float, float, float, float]] = {
    "LCP": (1_700.0, 0.5, 2_500.0, 4_000.0),
    "INP": (120.0, 0.6, 200.0, 500.0),
    "CLS": (0.05, 0.8, 0.1, 0.25),
    "render": (420.0, 0.4, 800.0, 1_800.0),
}


@dataclass(frozen=True)
class Behaviour:
    """Clicks, page ends and web vitals in the gaps of visits."""

    clicks: float = 0.4  # mean number after an event
    rage: float = 0.004  # of events: a burst of clicks on one element
    leaves: float = 0.2  # of events: the end of a page is told of
    vitals: float = 0.03  # of pages: share of which they are measured
    slow: Incident = field(default_factory=lambda: Incident(12, 2, 2.5))  # LCP is longer

    def planted(self) -> Mapping[str, Any]:
        """Bursts of clicks, and the days of slow pages."""
        return {"rage": self.rage, "clicks_of_a_burst": BURST, "slow_pages": self.slow.__dict__}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Telemetry of the day's visits."""
        rng = today.rng("behaviour")
        spots = today.spots.where(np.isin(today.spots.after, list(ROUTES)))
        routes = np.empty(max(Kind) + 1, dtype=object)
        for kind, route in ROUTES.items():
            routes[kind] = route
        yield self._clicks(today, routes, rng)
        yield self._bursts(today, routes, rng)
        left = spots.where(rng.random(len(spots)) < self.leaves)
        dwell, depth = left.gap // 100, rng.integers(5, 101, len(left))
        yield visiting(
            left,
            "page_left",
            left.at + left.gap - 150,
            {"route": routes[left.after], "dwell_seconds": dwell / 10, "depth_ratio": depth / 100},
            Fact("pages_left", ones(len(left)), {"route": routes[left.after]}),
            Fact("dwell_seconds", dwell, {"route": routes[left.after]}, 10),
            Fact("scroll_depth", depth, scale=100),
        )
        yield from self._vitals(today, routes, rng)

    def _clicks(self, today: Today, routes: Any, rng: np.random.Generator) -> Batch:
        spots = today.spots.where(np.isin(today.spots.after, list(ROUTES)))
        spots = spots.take(np.repeat(np.arange(len(spots)), rng.poisson(self.clicks, len(spots))))
        n = len(spots)
        element = chosen(rng, ELEMENTS, (4, 3, 3, 1, 1), n)
        return visiting(
            spots,
            "element_clicked",
            spots.moments(rng.random(n)),
            {
                "element": element,
                "route": routes[spots.after],
                "x_ratio": rng.integers(0, 1001, n) / 1000,
                "y_ratio": rng.integers(0, 1001, n) / 1000,
            },
            Fact("clicks", ones(n), {"element": element}),
        )

    def _bursts(self, today: Today, routes: Any, rng: np.random.Generator) -> Batch:
        spots = today.spots.where(np.isin(today.spots.after, list(ROUTES)))
        spots = spots.where(rng.random(len(spots)) < self.rage)
        bursts, count = len(spots), BURST * len(spots)
        number = np.tile(np.arange(BURST), bursts)
        spots = spots.take(np.repeat(np.arange(bursts), BURST))
        element = np.repeat(chosen(rng, ELEMENTS, (1, 3, 0, 4, 0), bursts), BURST)
        return visiting(
            spots,
            "element_clicked",
            spots.at + 600 + BURST_MS * number,
            {
                "element": element,
                "route": routes[spots.after],
                "x_ratio": np.repeat(rng.integers(0, 1001, bursts) / 1000, BURST),
                "y_ratio": np.repeat(rng.integers(0, 1001, bursts) / 1000, BURST),
            },
            Fact("clicks", ones(count), {"element": element}),
            Fact("rage_bursts", (number == 0).astype(np.int64), {"element": element}),
        )

    def _vitals(self, today: Today, routes: Any, rng: np.random.Generator) -> Iterator[Batch]:
        pages = today.spots.where(np.isin(today.spots.after, list(ROUTES)))
        pages = pages.where(rng.random(len(pages)) < self.vitals)
        n = len(pages)
        for metric, (median, spread, good, poor) in VITALS.items():
            worse = self.slow.on(today.since) if metric == "LCP" else 1.0
            thousandths = np.rint(np.exp(rng.normal(np.log(median * worse), spread, n)) * 1000).astype(np.int64)
            value = thousandths / 1000
            rating = np.where(value <= good, "good", np.where(value <= poor, "needs_improvement", "poor"))
            yield visiting(
                pages,
                "web_vital_measured",
                pages.moments(0.05 * rng.random(n)),
                {"metric": [metric] * n, "value": value, "route": routes[pages.after], "vital_rating": rating},
                Fact("web_vitals", ones(n), {"metric": [metric] * n, f"{metric} rating": rating}),
                Fact("web_vitals_good", (rating == "good").astype(np.int64), {"metric": [metric] * n}),
                Fact("web_vital_sum", thousandths, {"metric": [metric] * n}, 1000),
            )
