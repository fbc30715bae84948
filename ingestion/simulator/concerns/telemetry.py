"""What the platform's own systems tell: answered requests, samples, errors, and its people at their dashboards."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.columns import HOUR, MINUTE
from ingestion.simulator.concerns.base import Batch, Fact, Incident, Today, chosen, ones, where

REQUESTS: tuple[tuple[str, str, float, float], ...] = (
    ("GET", "/listings", 6.0, 45.0),
    ("GET", "/listings/{listing_id}", 8.0, 30.0),
)
REQUESTS += (("GET", "/search", 5.0, 120.0), ("POST", "/bookings", 1.0, 210.0))
# Upper bounds of the classes in which latencies are counted, for percentiles; the last class is open.
LATENCY_BOUNDS = (25, 50, 100, 200, 500, 1_000, 2_000, 5_000)
# Mean and spread.
SAMPLES: dict[str, tuple[float, float]] = {
    "database_ms": (14.0, 3.0),
    "pool_used_ratio": (0.45, 0.08),
    "cache_hit_ratio": (0.93, 0.02),
    "quota_used_ratio": (0.5, 0.0),
    "bundle_bytes": (412_000.0, 0.0),
}


@dataclass(frozen=True)
class Requests:
    """Requests of one service over the day, slow and failing on the days of the incident."""

    per_day: float
    service: str = "booking-api"
    errors: float = 0.004
    incident: Incident = field(default_factory=lambda: Incident(13, 1, 8.0))  # latency and errors are this much worse
    hours: float = 4.0  # that the incident lasts, from ten o'clock

    def planted(self) -> Mapping[str, Any]:
        """The share of errors, and the incident."""
        return {"errors": self.errors, "incident": self.incident.__dict__, "from_hour": 10, "hours": self.hours}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Requests of the day."""
        rng = today.rng("requests")
        n = int(rng.poisson(today.rate(self.per_day)))
        weights = np.array([request[2] for request in REQUESTS])
        which = rng.choice(len(REQUESTS), size=n, p=weights / weights.sum())
        offset = np.clip(rng.normal(14 * HOUR, 4 * HOUR, n), 0, 23 * HOUR).astype(np.int64)
        during = (offset >= 10 * HOUR) & (offset < (10 + self.hours) * HOUR)
        worse = np.where(during, self.incident.on(today.since), 1.0)
        median = np.array([request[3] for request in REQUESTS])[which]
        tenths = np.rint(10 * np.exp(rng.normal(np.log(median * worse), 0.5))).astype(np.int64)
        failed, missing = rng.random(n) < self.errors * worse, rng.random(n) < 0.02
        status = np.where(failed, 500, np.where(missing, 404, np.where(which == 3, 201, 200)))
        routes = np.array([request[1] for request in REQUESTS], dtype=object)[which]
        bounds = np.array([*(f"<= {bound}" for bound in LATENCY_BOUNDS), f"> {LATENCY_BOUNDS[-1]}"], dtype=object)
        classes = bounds[np.searchsorted(np.array(LATENCY_BOUNDS) * 10, tenths)]
        person = today.somebody(rng, n)
        yield Batch(
            "api_request",
            today.start + offset,
            {
                "route": routes,
                "http_method": np.array([request[0] for request in REQUESTS], dtype=object)[which],
                "status_code": status,
                "latency_ms": tenths / 10,
                "service": [self.service] * n,
            },
            person=person if len(today.present) else None,
            facts=(
                Fact("api_requests", ones(n), {"status": status.astype(str), "route": routes, "latency_ms": classes}),
                Fact("api_latency_ms", tenths, {"route": routes}, 10),
            ),
        )
        yield self._errors(today, int(failed.sum()), (today.start + offset)[failed], routes[failed])

    def _errors(self, today: Today, n: int, at: Any, routes: Any) -> Batch:
        return Batch(
            "error_occurred",
            at,
            {
                "error_type": ["UpstreamTimeout"] * n,
                "fingerprint": [f"{self.service}-timeout"] * n,
                "severity": ["high"] * n,
                "service": [self.service] * n,
                "route": routes,
                "is_handled": [False] * n,
            },
            facts=(Fact("errors", ones(n), {"route": routes}),),
        )


@dataclass(frozen=True)
class Samples:
    """Measurements of the systems every few minutes; what an outside interface grants is used up now and then."""

    minutes: int = 30
    quota: Incident = field(default_factory=lambda: Incident(15, 1, 1.75))  # more of the quota is used: over 80 %
    cold_cache: Incident = field(default_factory=lambda: Incident(6, 1, 0.6))

    def planted(self) -> Mapping[str, Any]:
        """Means, and the days on which they are others."""
        return {"means": SAMPLES, "quota": self.quota.__dict__, "cold_cache": self.cold_cache.__dict__}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Samples of the day."""
        rng = today.rng("samples")
        n = 23 * 60 // self.minutes
        at = today.start + np.arange(n) * self.minutes * MINUTE
        factors = {"quota_used_ratio": self.quota, "cache_hit_ratio": self.cold_cache}
        for metric, (mean, spread) in SAMPLES.items():
            factor = factors[metric].on(today.since) if metric in factors else 1.0
            value = np.rint(np.maximum(rng.normal(mean * factor, spread, n), 0) * 10_000).astype(np.int64)
            yield Batch(
                "system_sampled",
                at,
                {"metric": [metric] * n, "value": value / 10_000, "service": ["platform"] * n},
                facts=(
                    Fact("system_samples", ones(n), {"metric": [metric] * n}),
                    Fact("system_sample_sum", value, {"metric": [metric] * n}, 10_000),
                ),
            )


@dataclass(frozen=True)
class Dashboards:
    """The business's own people at their dashboards, on weekdays."""

    people: int = 8
    actions: float = 4.0  # of each on a day

    def planted(self) -> Mapping[str, Any]:
        """How many people look at dashboards."""
        return {"people": self.people}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Uses of the day."""
        rng = today.rng("dashboards")
        n = 0 if (today.day - 1) % 7 >= 5 else int(rng.poisson(self.people * self.actions))
        action = chosen(rng, ("viewed", "filtered", "compared", "drilled", "exported"), (6, 3, 2, 1, 1), n)
        board = chosen(rng, ("overview", "revenue", "operations"), (3, 2, 1), n)
        yield Batch(
            "dashboard_used",
            today.moments(rng, n, (8, 18)),
            {
                "dashboard": board,
                "action": action,
                "filter_name": where(action == "filtered", "segment", None),
            },
            facts=(Fact("dashboard_uses", ones(n), {"action": action, "dashboard": board}),),
        )
