"""How events reach the door: latency, offline visits, wrong clocks, retried copies and events that must be refused.

Within one visit events arrive in the order in which they happened, so whatever has arrived at an instant is the
beginning of each visit and never a session with a hole in it.
"""

from dataclasses import replace

import numpy as np

from ingestion.simulator.business import Disorder
from ingestion.simulator.columns import DAY, HOUR, SECOND, Bools, Deliveries, Events, Fault, Ints, Kind, message_ids
from ingestion.simulator.concerns.base import Batch
from ingestion.simulator.people import People

FAULTY_KINDS = (Kind.PAGE, Kind.SEARCH, Kind.LISTING)  # a refused event resembles one of these


def deliver(disorder: Disorder, people: People, events: Events, base: int, rng: np.random.Generator) -> Deliveries:
    """All deliveries of one day's events; `base` is the position of the first of them among all events."""
    n = len(events)
    received = events.at + rng.integers(80, 1_500, n)  # shorter than the shortest gap: the order stays
    received = np.where(*_offline(disorder, events, received, rng))
    skew = np.where(events.anonymous, people.skew[events.device], 0)
    originals = Deliveries(
        event=base + np.arange(n),
        received=received,
        skew=skew,
        # The correction of a wrong clock takes sending for receiving; without lag it finds the true time.
        lag=np.where(skew == 0, rng.integers(20, 60, n), 0),
        fault=np.zeros(n, dtype=np.int64),
        copy=np.zeros(n, dtype=np.bool_),
        altered=np.zeros(n, dtype=np.bool_),
        high=events.high,
        low=events.low,
    )
    return Deliveries.concat([originals, _copies(disorder, originals, rng), _refused(disorder, events, originals, rng)])


def _offline(disorder: Disorder, events: Events, received: Ints, rng: np.random.Generator) -> tuple[Bools, Ints, Ints]:
    """Which events wait on the device, when they then arrive, and the times for all others."""
    n = len(events)
    if not n:
        return np.zeros(0, dtype=np.bool_), received, received
    first = np.ones(n, dtype=np.bool_)
    first[1:] = events.visit[1:] != events.visit[:-1]
    visit = np.cumsum(first) - 1
    starts = np.flatnonzero(first)
    sizes = np.diff(np.append(starts, n))
    position = np.arange(n) - starts[visit]
    visits = len(starts)
    cut = (rng.random(visits) * sizes).astype(np.int64) * (
        rng.random(visits) < 0.5
    )  # half of them from the first event on
    offline = rng.random(visits) < disorder.offline
    soon = rng.integers(HOUR, 12 * HOUR, visits)
    later = rng.integers(12 * HOUR, 4 * DAY, visits)
    back = events.at[starts + sizes - 1] + np.where(rng.random(visits) < 0.6, soon, later)
    waits = offline[visit] & (position >= cut[visit])
    return waits, back[visit] + 5 * position, received


def _copies(disorder: Disorder, originals: Deliveries, rng: np.random.Generator) -> Deliveries:
    """Retried copies: always received after the original, now and then on another day or with other content."""
    copies = originals.take(rng.random(len(originals)) < disorder.copied)
    n = len(copies)
    seconds = rng.integers(SECOND, 120 * SECOND, n)
    hours = rng.integers(6 * HOUR, 40 * HOUR, n)
    delay = np.where(rng.random(n) < disorder.copied_next_day, hours, seconds)
    return Deliveries(
        event=copies.event,
        received=copies.received + delay,
        skew=copies.skew,
        lag=copies.lag,
        fault=copies.fault,
        copy=np.ones(n, dtype=np.bool_),
        altered=rng.random(n) < disorder.altered,
        high=copies.high,
        low=copies.low,
    )


def _refused(disorder: Disorder, events: Events, originals: Deliveries, rng: np.random.Generator) -> Deliveries:
    """Events with ids of their own that break the tracking plan, beside good ones of the same visitors."""
    mask = (rng.random(len(events)) < disorder.refused) & np.isin(events.kind, FAULTY_KINDS)
    return _spoiled(originals.take(mask), Fault.WRONG_TYPE, rng)


def _spoiled(like: Deliveries, last_fault: Fault, rng: np.random.Generator) -> Deliveries:
    """One refused event beside each of these, with one of the faults up to `last_fault`."""
    n = len(like)
    high, low = message_ids(rng, n)
    return Deliveries(
        event=like.event,
        received=like.received + rng.integers(1, 50, n),
        skew=like.skew,
        lag=like.lag,
        fault=rng.integers(Fault.UNKNOWN_EVENT, last_fault + 1, n),
        copy=np.zeros(n, dtype=np.bool_),
        altered=np.zeros(n, dtype=np.bool_),
        high=high,
        low=low,
    )


def deliver_batch(disorder: Disorder, people: People, batch: Batch, base: int, rng: np.random.Generator) -> Deliveries:
    """All deliveries of a batch, its originals first and in their order; `base` is the position of the first of them.

    What a system reports late, it reports hours later; what belongs to a visit arrives when the visit does.
    """
    n = len(batch)
    prompt = batch.at + rng.integers(80, 1_500, n)
    late = np.where(rng.random(n) < disorder.offline / 2, rng.integers(HOUR, 30 * HOUR, n), 0)
    skew = np.zeros(n, dtype=np.int64) if batch.device is None else people.skew[batch.device]
    high, low = message_ids(rng, n)
    originals = Deliveries(
        event=base + np.arange(n),
        received=prompt + late if batch.reaches is None else batch.reaches,
        skew=skew,
        lag=np.where(skew == 0, rng.integers(20, 60, n), 0),
        fault=np.zeros(n, dtype=np.int64),
        copy=np.zeros(n, dtype=np.bool_),
        altered=np.zeros(n, dtype=np.bool_),
        high=high,
        low=low,
    )
    copies = _copies(disorder, originals, rng)
    copies = replace(copies, altered=np.zeros(len(copies), dtype=np.bool_))
    refused = _spoiled(originals.take(rng.random(n) < disorder.refused), Fault.MISSING, rng)
    return Deliveries.concat([originals, copies, refused])
