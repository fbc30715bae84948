"""The ground truth of what happens around the visits: sums by local day, from what was planned and has arrived."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa

from ingestion.simulator.columns import Ints
from ingestion.simulator.concerns.base import Fact, Values
from ingestion.simulator.engine import World
from ingestion.simulator.truth_levels import LEVELS, changes_of

AROUND_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()),
        ("quantity", pa.string()),
        ("local_date", pa.date32()),
        ("dimension", pa.string()),
        ("dimension_value", pa.string()),
        ("value", pa.decimal128(28, 6)),
    ]
)
ALL = "all"
# What is there at the end of a local day: the sum up to it of what came, less what went.
# Every subscription begins in the world, so none stands before its first movement.
RUNNING: dict[str, tuple[tuple[str, int], ...]] = {
    "mrr_amount": (("mrr_movement_amount", 1),),
    "subscriptions_active": (("subscriptions_begun", 1), ("subscriptions_ended", -1)),
    "group_members": (("group_members_new", 1),),
    "float_amount": (("float_change_amount", 1),),
    "arrears_amount": (("repayments_missed_amount", 1), ("repayments_caught_up_amount", -1)),
}
Key = tuple[str, int, str, str]  # quantity, local day (ordinal), dimension, its value


def around_truth(world: World) -> pa.Table:
    """Every quantity by local day, in total and by each of its dimensions (schema `AROUND_SCHEMA`).

    A row is counted on the day on which it happened, once its original has arrived. What did not happen has no row,
    except for the quantities in `RUNNING` and `LEVELS`, which have one for each day from their first on.
    """
    sums: dict[Key, int] = defaultdict(int)
    scales: dict[str, int] = {}
    around = world.around
    for batch, received in zip(around.batches, around.received, strict=True):
        arrived = np.flatnonzero(received < world.until)
        if len(arrived):
            days = world.calendar.days(batch.at[arrived])
            for fact in batch.facts:
                scales[fact.quantity] = fact.scale
                _add(sums, fact, arrived, days)
    last = world.calendar.first + len(world.calendar.midnights) - 2
    for quantity, parts in RUNNING.items():
        known = [part for part, _ in parts if part in scales]
        if known:
            scales[quantity] = scales[known[0]]
            sums |= _running(_moves(sums, dict(parts)), quantity, last)
    for quantity, level in LEVELS.items():
        scales[quantity] = max((scales[part] for part in level.moved if part in scales), default=1)
        sums |= _running(changes_of(level, around, world.until, world.calendar), quantity, last)
    return _table(world.business.tenant, sums, scales)


def planted_text(world: World) -> str:
    """What was planted into the tenant's world, as JSON: concern -> name -> value."""
    found = {
        f"{type(concern).__name__.lower()}/{number}": dict(concern.planted())
        for number, concern in enumerate(world.business.concerns)
    }
    first = date.fromordinal(world.calendar.first).isoformat()
    return json.dumps({"first_day": first, "planted": found}, indent=1, sort_keys=True) + "\n"


def _add(sums: dict[Key, int], fact: Fact, arrived: Ints, days: Ints) -> None:
    values = fact.values[arrived]
    counted = np.flatnonzero(values != 0)
    if not len(counted):
        return
    first = int(days[counted].min())
    day = days[counted] - first
    for dimension, column in {ALL: None, **fact.by}.items():
        names, code = _codes(column, arrived[counted])
        key = day * len(names) + code
        size = (int(day.max()) + 1) * len(names)
        # Sums of whole numbers below 2^53 are exact as doubles, and this is many times as fast as adding row by row.
        totals = np.bincount(key, weights=values[counted], minlength=size)
        for place in np.flatnonzero(np.bincount(key, minlength=size)).tolist():
            of_day, name = divmod(place, len(names))
            sums[fact.quantity, first + of_day, dimension, names[name]] += int(totals[place])


def _codes(column: Values | None, rows: Ints) -> tuple[list[str], Ints]:
    """The different texts of some rows of a column, and which of them each row has; without a column all are one."""
    if column is None:
        return [ALL], np.zeros(len(rows), dtype=np.int64)
    words = column[rows].tolist() if isinstance(column, np.ndarray) else [column[row] for row in rows.tolist()]
    known: dict[str, int] = {}
    codes = [known.setdefault(word, len(known)) for word in words]
    return [str(word) for word in known], np.array(codes, dtype=np.int64)


def _moves(sums: dict[Key, int], signs: dict[str, int]) -> dict[int, int]:
    moves: dict[int, int] = defaultdict(int)
    for (name, day, dimension, _), value in sums.items():
        if name in signs and dimension == ALL:
            moves[day] += signs[name] * value
    return moves


def _running(moves: dict[int, int], quantity: str, last: int) -> dict[Key, int]:
    found, level = {}, 0
    for day in range(min(moves, default=last + 1), last + 1):  # a small business may have none
        level += moves.get(day, 0)
        found[quantity, day, ALL, ALL] = level
    return found


def _rows(
    tenant: str, sums: dict[Key, int], scales: dict[str, int]
) -> Iterator[tuple[str, str, date, str, str, Decimal]]:
    for (quantity, day, dimension, value), total in sorted(sums.items()):
        yield tenant, quantity, date.fromordinal(day), dimension, value, Decimal(total) / scales[quantity]


def _table(tenant: str, sums: dict[Key, int], scales: dict[str, int]) -> pa.Table:
    columns = list(zip(*_rows(tenant, sums, scales), strict=True)) or [()] * len(AROUND_SCHEMA)
    return pa.table([list(column) for column in columns], schema=AROUND_SCHEMA)
