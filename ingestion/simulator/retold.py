"""What systems tell again: a row that is saved once more, or a queue that delivers again under a new message id."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ingestion.simulator.business import Disorder
from ingestion.simulator.columns import SECOND, Deliveries, Ints
from ingestion.simulator.concerns.base import Batch, Values
from ingestion.simulator.disorder import deliver_batch
from ingestion.simulator.people import People

# Events that tell the state of a thing. What visitors do is told by their devices, which know no states.
STATES = frozenset(
    {
        "payment_processed",
        "refund_issued",
        "revenue_recorded",
        "invoice_updated",
        "subscription_changed",
        "loan_updated",
        "repayment_recorded",
        "lead_updated",
        "booking_status_changed",
        "referral_recorded",
        "inquiry_answered",
        "review_submitted",
        "survey_answered",
        "ticket_updated",
        "scan_completed",
        "scan_failed",
        "transport_leg_updated",
    }
)


def retold(disorder: Disorder, batch: Batch, received: Ints, rng: np.random.Generator) -> Batch:
    """The rows of a batch that are told again, which add nothing to the truth; `received` is when its rows arrive.

    It follows within seconds, before the thing can come to another state, and never arrives before the first telling.
    """
    share = disorder.retold if batch.event in STATES and batch.device is None else 0.0
    rows = np.flatnonzero(rng.random(len(batch)) < share)
    return Batch(
        batch.event,
        batch.at[rows] + rng.integers(1, 20, len(rows)) * SECOND,
        {name: _taken(column, rows) for name, column in batch.properties.items()},
        person=None if batch.person is None else batch.person[rows],
        known=None if batch.known is None else batch.known[rows],
        reaches=received[rows] + rng.integers(20, 60, len(rows)) * SECOND,
    )


def deliver_retold(disorder: Disorder, people: People, batch: Batch, base: int, rng: np.random.Generator) -> Deliveries:
    """The deliveries of what is told again, each once and well formed."""
    return deliver_batch(replace(disorder, copied=0.0, refused=0.0), people, batch, base, rng)


def _taken(column: Values, rows: Ints) -> Values:
    """Some rows of a column."""
    if isinstance(column, np.ndarray):
        return column[rows]
    own: Sequence[Any] = column
    return [own[row] for row in rows.tolist()]
