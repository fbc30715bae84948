"""Equipment on its way: scans with changes of state, exceptions, and transports that depart in time or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingestion.simulator.columns import DAY, HOUR, MINUTE, Events, Ints, Kind
from ingestion.simulator.concerns.base import Batch, Fact, Incident, Today, chosen, iso, ones, where

TOLERANCE = 15  # minutes after the plan that still count as in time
EXCEPTIONS = ("missing", "damaged", "wrong_booking", "unreadable")


@dataclass(frozen=True)
class Fleet:
    """Each booking is brought and fetched: two transports, and scans of its pieces at each end."""

    depots: tuple[str, ...]
    pieces: int = 2  # of a booking
    exceptions: float = 0.04  # of scans
    late: float = 0.12  # of departures
    strike: Incident = field(default_factory=lambda: Incident(16, 2, 4.0))  # departures are late more often
    called_off: float = 0.02

    def planted(self) -> Mapping[str, Any]:
        """Shares of late departures and of exceptions, and the strike."""
        return {"late": self.late, "exceptions": self.exceptions, "strike": self.strike.__dict__, "minutes": TOLERANCE}

    def events_of(self, today: Today) -> Iterator[Batch]:
        """Transports and scans of the bookings that were made today."""
        rng, events = today.rng("fleet"), today.events
        booked = today.kept(events.take(events.kind == Kind.BOOKING))
        n = len(booked)
        out = today.start + rng.integers(2, 9, n) * DAY + rng.integers(6, 12, n) * HOUR
        back = out + np.maximum(booked.count, 1) * DAY + 6 * HOUR
        depot = np.array(self.depots, dtype=object)[rng.integers(0, len(self.depots), n)]
        city = today.market.city[booked.listing]
        for way, planned, origin, destination in (("A", out, depot, city), ("B", back, city, depot)):
            yield from self._transport(today, booked, way, planned, origin, destination, rng)
        yield from self._scans(today, booked, out - HOUR, ("reserved", "out"), 0 * out, depot, rng)
        yield from self._scans(today, booked, back + 4 * HOUR, ("out", "available"), back - out + 5 * HOUR, depot, rng)

    def _transport(
        self, today: Today, b: Events, way: str, planned: Ints, origin: Any, destination: Any, rng: np.random.Generator
    ) -> Iterator[Batch]:
        n = len(b)
        # The incident acts on the day of the departure, not on that of the booking.
        since = today.since + (planned - today.start) // DAY
        worse = np.array([self.strike.on(int(day)) for day in since.tolist()])
        late = rng.random(n) < np.minimum(self.late * worse, 0.95)
        delay = np.where(late, rng.integers(TOLERANCE + 1, 180, n), rng.integers(-10, TOLERANCE + 1, n)) * MINUTE
        off = rng.random(n) < self.called_off
        properties = {
            "leg_id": np.array([f"TL{k}-{way}" for k in b.booking.tolist()] or [""], dtype=object),
            "planned_at": np.array(iso(planned) or [""], dtype=object),
            "origin": origin,
            "destination": destination,
            "booking_id": np.array([f"B{k:07d}" for k in b.booking.tolist()] or [""], dtype=object),
            "supplier_id": chosen(rng, ("carrier-1", "carrier-2"), (3, 2), n),
            "vehicle_id": np.array([f"V-{k}" for k in rng.integers(1, 20, n).tolist()] or [""], dtype=object),
            "distance_km": rng.integers(5, 240, n).astype(np.float64),
        }

        def told(status: str, at: Ints, mask: Any, *facts: Fact) -> Batch:
            rows = np.flatnonzero(mask)
            columns = {name: column[rows] for name, column in properties.items()}
            return Batch("transport_leg_updated", at[rows], columns | {"status": [status] * len(rows)}, facts=facts)

        run = ~off
        n_run = int(run.sum())
        by = {"origin": origin[run]}
        yield told("scheduled", b.at + 5 * MINUTE, np.ones(n, dtype=np.bool_), Fact("transports_scheduled", ones(n)))
        yield told("cancelled", planned - 2 * HOUR, off, Fact("transports_cancelled", ones(n - n_run)))
        yield told(
            "departed",
            planned + delay,
            run,
            Fact("departures", ones(n_run), by),
            Fact("departures_on_time", ones(n_run) * (delay[run] <= TOLERANCE * MINUTE), by),
        )
        yield told("arrived", planned + delay + 3 * HOUR, run, Fact("arrivals", ones(n_run)))

    def _scans(
        self,
        today: Today,
        b: Events,
        at: Ints,
        states: tuple[str, str],
        lasted: Ints,
        depot: Any,
        rng: np.random.Generator,
    ) -> Iterator[Batch]:
        row = np.repeat(np.arange(len(b)), self.pieces)
        n, piece = len(row), np.tile(np.arange(self.pieces), len(b))
        when = at[row] + rng.integers(0, 30 * MINUTE, n)
        listing = today.market.listing[b.listing[row]]
        wrong = rng.random(n) < self.exceptions
        ids = [f"SC{k}-{p}-{states[1][0]}" for k, p in zip(b.booking[row].tolist(), piece.tolist(), strict=True)]
        properties = {
            "scan_id": np.array(ids or [""], dtype=object),
            "equipment_id": np.array(
                [f"{name}-{k}" for name, k in zip(listing, piece.tolist(), strict=True)], dtype=object
            ),
            "listing_id": listing,
            "booking_id": np.array([f"B{k:07d}" for k in b.booking[row].tolist()] or [""], dtype=object),
            "site": depot[row],
            "previous_status": np.full(n, states[0], dtype=object),
        }
        hours = lasted[row] // HOUR
        good, bad = np.flatnonzero(~wrong), np.flatnonzero(wrong)
        reason = chosen(rng, EXCEPTIONS, (2, 3, 2, 3), len(bad))
        yield Batch(
            "scan_completed",
            when[good],
            {name: column[good] for name, column in properties.items()}
            | {"status": [states[1]] * len(good), "hours": hours[good].astype(np.float64)},
            facts=(
                Fact("scans", ones(len(good)), {"status": [states[1]] * len(good), "site": depot[row][good]}),
                Fact("equipment_hours_out", hours[good], {"category": today.market.category[b.listing[row]][good]}),
            ),
        )
        yield Batch(
            "scan_failed",
            when[bad],
            {name: column[bad] for name, column in properties.items()}
            | {"reason": reason, "status": where(reason == "damaged", "maintenance", None)},
            facts=(Fact("scan_exceptions", ones(len(bad)), {"reason": reason}),),
        )
