"""Which values of a dimension a chart draws: all as long as there are colours for them, else the largest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from serving.adding import add_up
from serving.catalogue import Kpi
from serving.theme import CATEGORIES
from serving.values import ALL, Value


@dataclass(frozen=True)
class Split:
    """The rows of each value that is drawn, with its place among the colours from 1; `note` says what is not drawn."""

    parts: tuple[tuple[str, int, list[Value]], ...]
    note: str = ""


def split(kpi: Kpi, rows: Sequence[Value], known: Sequence[str]) -> Split:
    """The rows of a card by value of its dimension; `known` are all values that the tenant has of it, sorted.

    Where there are more than colours, the rest of a KPI that adds up is drawn together, so that bars keep their height.
    """
    groups: dict[str, list[Value]] = {}
    for row in rows:
        if row.dimension_value != ALL:
            groups.setdefault(row.dimension_value, []).append(row)
    if len(known) <= CATEGORIES:
        places = {name: place for place, name in enumerate(known, start=1)}
        return Split(tuple((name, places[name], groups[name]) for name in known if name in groups))
    ranked = sorted(groups, key=lambda name: (-_weight(kpi, groups[name]), name))
    adds_up = kpi.is_additive and not kpi.has_denominator
    many = len(groups) > CATEGORIES
    count = CATEGORIES - 1 if adds_up and many else CATEGORIES
    shown, rest = sorted(ranked[:count]), ranked[count:]
    parts = [(name, place, groups[name]) for place, name in enumerate(shown, start=1)]
    if not rest:
        return Split(tuple(parts))
    if not adds_up:
        return Split(tuple(parts), f"The {len(shown)} largest of {len(groups)} are drawn.")
    parts.append((f"{len(rest)} others", CATEGORIES, _together([row for name in rest for row in groups[name]])))
    return Split(tuple(parts), f"The {len(shown)} largest of {len(groups)} are drawn by themselves.")


def _weight(kpi: Kpi, rows: Sequence[Value]) -> Decimal:
    """How much of a KPI a value has: of a rate what it is a share of, else what is counted."""
    parts = ((row.denominator if kpi.has_denominator else row.numerator) or Decimal(0) for row in rows)
    return sum(map(abs, parts), Decimal(0))


def _together(rows: Sequence[Value]) -> list[Value]:
    """One row a period, of all rows that it has."""
    by_start: dict[date, list[Value]] = {}
    for row in rows:
        by_start.setdefault(row.period_start, []).append(row)
    found = []
    for start, own in sorted(by_start.items()):
        sums = add_up((row.parts for row in own), has_denominator=False)
        value = None if sums.value is None else float(sums.value)
        complete = all(row.is_complete for row in own)
        found.append(Value(start, "others", sums.numerator, sums.denominator, value, complete))
    return found
