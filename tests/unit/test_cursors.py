"""Cursors as text: they sort as the values do, come back as the values they were, and reach back by an overlap."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from ingestion.sources.cursors import cursor_text, earlier, value_of

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1))


@given(
    st.one_of(
        st.lists(st.integers(0, 10**20 - 1)),
        st.lists(TIMES),
        st.lists(st.dates(date(1970, 1, 1), date(2200, 1, 1))),
        st.lists(TIMES.map(lambda t: t.replace(tzinfo=UTC))),
    )
)
def test_texts_sort_as_the_values_do(values: list[object]) -> None:
    ordered = sorted(values)  # type: ignore[type-var]
    for before, after in pairwise(ordered):
        assert (cursor_text(before) < cursor_text(after)) == (before < after)  # type: ignore[operator]


@given(TIMES)
def test_a_cursor_comes_back_as_the_column_compares_it(moment: datetime) -> None:
    text = cursor_text(moment)
    assert value_of(text, sqlalchemy.DateTime()) == moment
    assert value_of(text, sqlalchemy.DateTime(timezone=True)) == moment.replace(tzinfo=UTC)
    assert value_of(cursor_text(moment.date()), sqlalchemy.Date()) == moment.date()


@given(st.integers(0, 10**20 - 1))
def test_an_integer_comes_back(value: int) -> None:
    assert value_of(cursor_text(value), sqlalchemy.BigInteger()) == value


@given(TIMES, st.integers(1, 10**6))
def test_an_overlap_reaches_back_and_sorts_among_the_others(moment: datetime, seconds: int) -> None:
    back = earlier(cursor_text(moment), seconds)
    assert back == cursor_text(moment - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("cursor", "overlap", "back"),
    [
        (None, 5, None),
        ("2026-03-31T10:00:00Z", 60, "2026-03-31T09:59:00Z"),
        ("2026-03-31 10:00:00", 60, "2026-03-31 09:59:00"),
        ("2026-03-31", 86_400, "2026-03-30"),
        (f"{3:020d}", 5, f"{0:020d}"),
        ("abc", 0, "abc"),
    ],
)
def test_overlaps_of_all_kinds(cursor: str | None, overlap: int, back: str | None) -> None:
    assert earlier(cursor, overlap) == back


def test_what_cannot_be_a_cursor_is_refused() -> None:
    for value in (True, -1, 1.5, Decimal("1.5"), None, [1]):
        with pytest.raises(ValueError, match="cannot be a cursor"):
            cursor_text(value)
    with pytest.raises(AlmanacError, match="overlap belongs to"):
        earlier("abc", 5)
