"""The ground truth of what is open or outstanding: each object followed from its beginning to its first end."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ingestion.simulator.around import Around
from ingestion.simulator.calendar import Calendar

Step = tuple[int, bool, int, int]  # when, whether it ends there, local day, what is added


@dataclass(frozen=True)
class Level:
    """Objects that add up to a level: by which events they are told of, what they gain and lose, and what ends them."""

    events: Mapping[str, str]  # event -> the property that names the object
    moved: Mapping[str, int]  # quantity of the truth -> its sign
    ends: tuple[str, ...]  # states
    returns: bool = False  # an object that has ended can begin again


LEVELS = {
    "tickets_open": Level(
        {"ticket_updated": "ticket_id"},
        {"tickets_opened": 1, "tickets_reopened": 1},
        ("resolved", "closed"),
        returns=True,
    ),
    "invoices_outstanding_amount": Level(
        {"invoice_updated": "invoice_id"}, {"invoices_issued_amount": 1}, ("paid", "void", "written_off")
    ),
    "loans_outstanding_amount": Level(
        {"loan_updated": "loan_id", "repayment_recorded": "loan_id"},
        {"loans_disbursed_amount": 1, "repayments_principal_amount": -1},
        ("repaid", "written_off"),
    ),
}


def changes_of(level: Level, around: Around, until: int, calendar: Calendar) -> dict[int, int]:
    """By local day (ordinal), by how much the level changed, as far as it has arrived before `until`."""
    steps: dict[str, list[Step]] = defaultdict(list)
    for batch, received in zip(around.batches, around.received, strict=True):
        arrived = np.flatnonzero(received < until)
        if batch.event not in level.events or not len(arrived):
            continue
        names, states = batch.properties[level.events[batch.event]], batch.properties["status"]
        added = np.zeros(len(batch), dtype=np.int64)
        for fact in batch.facts:
            added += level.moved.get(fact.quantity, 0) * fact.values
        days = calendar.days(batch.at[arrived])
        for row, day in zip(arrived.tolist(), days.tolist(), strict=True):
            is_end = batch.event != "repayment_recorded" and states[row] in level.ends
            steps[names[row]].append((int(batch.at[row]), is_end, day, int(added[row])))
    changes: dict[int, int] = defaultdict(int)
    for own in steps.values():
        total, worth, has_ended = 0, 0, False
        for _, is_end, day, gained in sorted(own):
            total = 0 if is_end else total + gained
            has_ended = not level.returns and (has_ended or is_end)
            after = 0 if has_ended else max(total, 0)
            changes[day] += after - worth
            worth = after
    return changes
