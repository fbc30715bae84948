"""Cursors that are instants are compared as instants, however they are written; all others as they are."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.lake_cursors import greatest_cursor, normal_cursor, short_cursor

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)
WRITTEN = st.builds(lambda at, sep: at.isoformat(sep), MOMENTS, st.sampled_from("T "))


@given(WRITTEN, WRITTEN)
def test_texts_sort_as_the_instants_that_they_are(one: str, other: str) -> None:
    left, right = datetime.fromisoformat(one), datetime.fromisoformat(other)
    assert (normal_cursor(one) < normal_cursor(other)) == (left < right)
    assert (normal_cursor(one) == normal_cursor(other)) == (left == right)
    assert greatest_cursor([None, one, other]) == (one if left >= right else other)


@given(WRITTEN)
def test_the_normal_form_is_its_own_and_what_is_asked_for_is_the_same_instant(text: str) -> None:
    assert normal_cursor(normal_cursor(text)) == normal_cursor(text)
    assert datetime.fromisoformat(short_cursor(text)) == datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("cursor", "normal", "short"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000000Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01 10:00:00.5Z", "2026-03-01T10:00:00.500000Z", "2026-03-01T10:00:00.500Z"),
        ("2026-03-01T10:00:00.123456789+02", "2026-03-01T08:00:00.123456Z", "2026-03-01T08:00:00.123456Z"),
        ("2026-03-01T00:30+0100", "2026-02-28T23:30:00.000000Z", "2026-02-28T23:30:00Z"),
        ("2026-03-01T10:00:00", "2026-03-01T10:00:00", "2026-03-01T10:00:00"),
        ("2026-02-30T10:00:00Z", "2026-02-30T10:00:00Z", "2026-02-30T10:00:00Z"),
        ("0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00+02:00"),
        ("2026-03-01", "2026-03-01", "2026-03-01"),
        ("v-000Z", "v-000Z", "v-000Z"),
        (f"{7:020d}", f"{7:020d}", "7"),
        ("", "", ""),
    ],
)
def test_cursors_of_all_kinds(cursor: str, normal: str, short: str) -> None:
    assert (normal_cursor(cursor), short_cursor(cursor)) == (normal, short)


def test_there_may_be_no_greatest() -> None:
    assert greatest_cursor([None]) is None
