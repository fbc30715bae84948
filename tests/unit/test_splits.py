"""A chart by a dimension loses nothing silently: where colours end, what is left is said or drawn together."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from serving.catalogue import Kpi
from serving.splits import split
from serving.theme import CATEGORIES
from serving.values import Value

DAYS = (date(2026, 3, 1), date(2026, 3, 2))
COUNT = Kpi("k", "K", "", "", "count", "integer", True, "", "", "", True, ("day",), ("channel",), None, "", ())
RATE = replace(COUNT, denominator_label="Sessions")


def value(name: str, number: int, day: date = DAYS[0], *, below: int = 1, is_complete: bool = True) -> Value:
    return Value(day, name, Decimal(number), Decimal(below), number / below, is_complete)


def test_up_to_eight_values_keep_the_colour_of_their_place_among_all_that_the_tenant_has() -> None:
    found = split(COUNT, [value("c", 1), value("a", 2), value("all", 3)], ["a", "b", "c"])
    assert [(name, place) for name, place, _ in found.parts] == [("a", 1), ("c", 3)]
    assert found.note == ""


def test_of_more_the_largest_are_drawn_and_the_others_together() -> None:
    names = [f"v{n:02}" for n in range(24)]
    rows = [value(name, n, day, is_complete=name != "v01") for n, name in enumerate(names) for day in DAYS]
    found = split(COUNT, rows, names)
    assert [name for name, _, _ in found.parts] == [*names[-7:], "17 others"]
    assert [place for _, place, _ in found.parts] == list(range(1, 9))
    assert found.note == "The 7 largest of 24 are drawn by themselves."
    others = found.parts[-1][2]
    assert [(v.period_start, v.value, v.is_complete) for v in others] == [(day, sum(range(17)), False) for day in DAYS]


def test_a_rate_of_others_is_not_made_up() -> None:
    names = [f"v{n:02}" for n in range(10)]
    found = split(RATE, [value(name, 1, below=100 - n) for n, name in enumerate(names)], names)
    assert [name for name, _, _ in found.parts] == names[:8]
    assert found.note == "The 8 largest of 10 are drawn."


def test_few_values_of_many_that_the_tenant_has_are_all_drawn() -> None:
    names = [f"v{n:02}" for n in range(10)]
    found = split(COUNT, [value("v09", 1), value("v03", 2)], names)
    assert [(name, place) for name, place, _ in found.parts] == [("v03", 1), ("v09", 2)]
    assert found.note == ""


@given(st.dictionaries(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1), st.integers(0, 9), max_size=20))
def test_what_is_drawn_of_a_count_adds_up_to_all_of_it(numbers: dict[str, int]) -> None:
    numbers.pop("all", None)
    found = split(COUNT, [value(name, number) for name, number in numbers.items()], sorted(numbers))
    assert sum(v.value or 0 for _, _, own in found.parts for v in own) == sum(numbers.values())
    assert len({place for _, place, _ in found.parts}) == len(found.parts) <= CATEGORIES
