"""Typed values: what each type of the tracking plan takes, what it makes of it, and what it refuses."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.tracking_plan import Unfit, parse_money, parse_time
from ingestion.tracking_plan.values import PARSERS, is_surely_money


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (0.1, "0.1"),
        (1.15, "1.15"),
        (9747747.934, "9747747.934"),
        (-11062.06, "-11062.06"),
        (358, "358"),
        ("358.0000", "358"),
        ("1.5000000", "1.5"),
        (1e13, "10000000000000"),
        (99999999999999, "99999999999999"),
        ("99999999999999.9999", "99999999999999.9999"),
        (0.0001, "0.0001"),
        (Decimal("2.55"), "2.55"),
        (0, "0"),
    ],
)
def test_money_is_exact(given_value: object, expected: str) -> None:
    assert parse_money(given_value) == Decimal(expected)
    assert parse_money(given_value).as_tuple().exponent == -4


@pytest.mark.parametrize(
    "value",
    [0.00001, "1.23456", 1e14, 100000000000000, "1e3", "", " 1", "1,5", "0x10", "NaN", "Infinity", "٣", float("nan"),
     float("inf"), Decimal("NaN"), Decimal("Infinity"), True, None, [1], {"amount": 1}, "1" * 50, 10**400],
)  # fmt: skip
def test_what_is_no_money_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        parse_money(value)


@settings(max_examples=300, deadline=None)
@given(st.decimals(min_value=Decimal("-99999999999.9999"), max_value=Decimal("99999999999.9999"), places=4))
def test_money_survives_json(value: Decimal) -> None:
    """A client that writes a decimal as a JSON number gets it back exactly: fifteen digits fit a double."""
    assert parse_money(float(str(value))) == value
    assert parse_money(str(value)) == value


@settings(max_examples=300, deadline=None)
@given(st.floats(-2e10, 2e10) | st.integers(0, 7).flatmap(lambda n: st.decimals(-(10**11), 10**11, places=n)))
def test_money_is_recognised_without_decimal_arithmetic(value: float | Decimal) -> None:
    written = float(value)
    if abs(written) < 1e10 and -Decimal(repr(written)).as_tuple().exponent <= 4:
        assert is_surely_money(written)
    if is_surely_money(written):
        assert parse_money(written) == Decimal(repr(written))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00"),
        ("2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00.123000"),
        ("2026-03-01T10:00:00.1234567Z", "2026-03-01T10:00:00.123456"),
        ("2026-03-01T10:00:00+05:30", "2026-03-01T04:30:00"),
        ("2026-03-01T10:00:00.5-03:00", "2026-03-01T13:00:00.500000"),
        ("2026-03-01 10:00:00Z", "2026-03-01T10:00:00"),
    ],
)
def test_times_become_utc(text: str, expected: str) -> None:
    assert parse_time(text).isoformat() == expected


@pytest.mark.parametrize(
    "value",
    ["", "Z", "yesterday", "2026-02-30T00:00:00Z", "2026-03-01T25:00:00Z", "2026-03-01T10:00:00", "2026-03-01",
     "2026-03-01Z", "1772359200000", "2016-12-31T23:59:60Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
     "2026-03-01T10:00:00+05:30Z", 1772359200, None, True, {}],
)  # fmt: skip
def test_what_names_no_instant_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        parse_time(value)


@pytest.mark.parametrize(
    ("type_name", "value", "expected"),
    [
        ("integer", 3, 3), ("integer", 3.0, 3), ("integer", "-12", -12), ("integer", 2**63 - 1, 2**63 - 1),
        ("number", 3, 3.0), ("number", "2.5", 2.5), ("boolean", True, True), ("boolean", "false", False),
        ("string", 7, "7"), ("date", "2026-03-01", PARSERS["date"]("2026-03-01")),
    ],
)  # fmt: skip
def test_other_types_take_what_has_one_reading(type_name: str, value: object, expected: object) -> None:
    parsed = PARSERS[type_name](value)
    assert parsed == expected
    assert type(parsed) is type(expected)


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("integer", 2**63), ("integer", 1.5), ("integer", True), ("integer", "1.0"), ("integer", 1e300),
        ("integer", float("nan")), ("number", "1e5"), ("number", float("inf")), ("number", True), ("number", 10**400),
        ("boolean", 1), ("boolean", "yes"), ("string", 1.5), ("string", True), ("string", {}), ("date", "2026-3-1"),
        ("date", "2026-02-30"), ("date", 20260301),
    ],
)  # fmt: skip
def test_other_types_refuse_what_has_none(type_name: str, value: object) -> None:
    with pytest.raises(Unfit):
        PARSERS[type_name](value)
