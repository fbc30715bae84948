"""Arithmetic of the ground truth: what falls into which period and channel, added up or counted once."""

from datetime import date
from decimal import Decimal

import numpy as np

from ingestion.simulator.columns import Ints

ALL = 1_000_000  # the code of "all of them" beside the values' own
GRAINS = ("day", "week", "month", "quarter")
# KPI, time grain, first day of the period (ordinal), dimension, its value, numerator, denominator
Row = tuple[str, str, int, str, str, Decimal, Decimal]
Cells = dict[tuple[int, int], int]  # (first day of the period as ordinal, value or ALL) -> count or minor units


def period_of(days: Ints, grain: str) -> Ints:
    """First day of the period that each day (ordinal) lies in; weeks begin on Monday."""
    if grain == "day":
        return days
    if grain == "week":
        return days - (days - 1) % 7
    distinct, where = np.unique(days, return_inverse=True)
    firsts = [_first_of_month(date.fromordinal(int(n)), grain).toordinal() for n in distinct]
    return np.array(firsts, dtype=np.int64)[where] if firsts else days


def _first_of_month(day: date, grain: str) -> date:
    """First day of the month or the quarter that a day lies in."""
    return day.replace(month=day.month if grain == "month" else (day.month - 1) // 3 * 3 + 1, day=1)


def added_up(period: Ints, channel: Ints, values: Ints) -> Cells:
    """The sum of the values in each cell, of each channel and of all."""
    return _group(period, channel, values) | _group(period, np.full(len(period), ALL), values)


def counted_once(period: Ints, channel: Ints, values: Ints) -> Cells:
    """How many different values there are in each cell."""
    cells: Cells = {}
    for channels in (channel, np.full(len(channel), ALL)):
        distinct = np.unique(np.stack((period, channels, values)), axis=1)
        cells |= _group(distinct[0], distinct[1], np.ones(distinct.shape[1], dtype=np.int64))
    return cells


def minus(left: Cells, right: Cells) -> Cells:
    """The difference in every cell that either side has; what is not there is 0."""
    return {cell: left.get(cell, 0) - right.get(cell, 0) for cell in left.keys() | right.keys()}


def _group(period: Ints, channel: Ints, values: Ints) -> Cells:
    keys, where = np.unique(period * (ALL + 1) + channel, return_inverse=True)
    sums = np.zeros(len(keys), dtype=np.int64)
    np.add.at(sums, where, values)
    return {divmod(key, ALL + 1): value for key, value in zip(keys.tolist(), sums.tolist(), strict=True)}
