"""Numbers, dates and times as people read them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from serving import formatting
from serving.formatting import Style

COUNT = Style("count", "integer")
EUR = Style("money", "currency", "EUR")
INR = Style("money", "currency", "INR")
JPY = Style("money", "currency", "JPY")
POINTS, HOURS = Style("points", "decimal"), Style("hours", "decimal")
PER_SECOND = Style("per second", "decimal")
SHARE = Style("ratio", "percent")


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "style", "expected"),
    [
        (1_240_512, COUNT, "1,240,512"),
        (Decimal("1240512.3"), EUR, "€1,240,512.30"),
        (Decimal("-12.5"), EUR, "−€12.50"),
        (Decimal("-0.001"), EUR, "€0.00"),
        (Decimal("1234567.5"), INR, "₹12,34,567.50"),
        (Decimal("999.5"), INR, "₹999.50"),
        (Decimal("1234567.5"), JPY, "¥1,234,568"),
        (Decimal("12.3456"), Style("money", "currency", "KWD"), "KWD 12.346"),
        (Decimal("1234.5"), Style("money", "currency", "CHF"), "CHF 1,234.50"),
        (Decimal("1234.5"), Style("money"), "1,234.50"),
        (0.1236, SHARE, "12.4 %"),
        (1, SHARE, "100.0 %"),
        (0, SHARE, "0.0 %"),
        (0.00456, SHARE, "0.46 %"),
        (-0.05, SHARE, "−5.0 %"),
        (0.00641, PER_SECOND, "0.0064"),
        (1240.5, PER_SECOND, "1,240.5000"),
        (2.5, Style("ratio", "decimal"), "2.50"),
        (0.125, Style("ratio", "decimal"), "0.13"),
        (9747747.934, Style("money", "currency", "GBP"), "£9,747,747.93"),
        (None, EUR, "-"),
    ],
)
def test_an_exact_number_follows_its_unit_and_currency(
    value: formatting.Number | None, style: Style, expected: str
) -> None:
    assert plain(formatting.exact(value, style)) == expected


@pytest.mark.parametrize(
    ("value", "style", "expected"),
    [
        (1_240_512, COUNT, "1.24 M"),
        (9_999, COUNT, "9,999"),
        (10_000, COUNT, "10.0 K"),
        (12_345, COUNT, "12.3 K"),
        (99_960, COUNT, "100 K"),
        (999_499, COUNT, "999 K"),
        (999_500, COUNT, "1.00 M"),
        (1_500_000_000, COUNT, "1.50 B"),
        (3 * 10**15, COUNT, "3,000 T"),
        (Decimal("9876.5"), EUR, "€9,876.50"),
        (Decimal("-1240512.3"), EUR, "−€1.24 M"),
        (Decimal("417.66"), EUR, "€417.66"),
        (Decimal(2_500_000), INR, "₹2.50 M"),
        (0.1236, SHARE, "12.4 %"),
        (None, COUNT, "-"),
    ],
)
def test_a_compact_number_has_three_figures_and_a_scale(
    value: formatting.Number | None, style: Style, expected: str
) -> None:
    assert plain(formatting.compact(value, style)) == expected


@pytest.mark.parametrize(
    ("values", "style", "expected"),
    [
        ([0, 500, 1000, 1500], EUR, ["€0", "€500", "€1.0 K", "€1.5 K"]),
        ([100_000, 102_500], EUR, ["€100.0 K", "€102.5 K"]),
        ([-25_000, 0], EUR, ["−€25 K", "€0"]),
        ([1_250_000], COUNT, ["1.25 M"]),
        ([0, 0.025, 0.05], SHARE, ["0 %", "2.5 %", "5.0 %"]),
        ([-0.1, 0], SHARE, ["−10 %", "0 %"]),
    ],
)
def test_axis_labels_keep_every_digit_of_round_numbers(
    values: list[formatting.Number], style: Style, expected: list[str]
) -> None:
    assert [plain(label) for label in formatting.ticks(values, style)] == expected


def test_a_column_has_the_same_decimals_in_every_row() -> None:
    large = formatting.for_column([0.123, 0.004, None], SHARE)
    assert [formatting.bare(v, large) for v in (0.123, 0.004, None)] == ["12.3", "0.4", "-"]
    small = formatting.for_column([0.0012, 0.004, 0.0], SHARE)
    assert [formatting.bare(v, small) for v in (0.0012, 0.004, 0.0)] == ["0.12", "0.40", "0.00"]
    assert formatting.bare(Decimal("1234567.5"), formatting.for_column([1], INR)) == "12,34,567.50"


@pytest.mark.parametrize(
    ("now", "before", "style", "up_is_good", "text", "tone"),
    [
        (110, 100, COUNT, True, "+10.0 %", "good"),
        (110, 100, COUNT, False, "+10.0 %", "bad"),
        (90, 100, COUNT, True, "−10.0 %", "bad"),
        (90, 100, COUNT, False, "−10.0 %", "good"),
        (1004, 1000, COUNT, True, "+0.40 %", "good"),
        (100, 100, COUNT, True, "0.0 %", "neutral"),
        (1_000_001, 1_000_000, COUNT, True, "0.00 %", "neutral"),
        (5_000, 100, COUNT, True, "+4,900 %", "good"),
        (50, -100, COUNT, True, "+150.0 %", "good"),
        (0.123, 0.1, SHARE, True, "+2.3 pp", "good"),
        (0.1, 0.0, SHARE, True, "+10.0 pp", "good"),
        (0.1004, 0.1, SHARE, False, "+0.04 pp", "bad"),
        (25, -100, POINTS, True, "+125.0 points", "good"),
        (-50, 0, POINTS, True, "−50.0 points", "bad"),
        (30, 24, HOURS, False, "+25.0 %", "bad"),
        (1, 0, COUNT, True, "n/a", "neutral"),
        (1, None, COUNT, True, "n/a", "neutral"),
        (None, 1, COUNT, True, "n/a", "neutral"),
    ],
)
def test_a_change_has_a_sign_and_is_judged_by_the_direction(
    now: float | None, before: float | None, style: Style, up_is_good: bool, text: str, tone: str
) -> None:
    found = formatting.change(now, before, style, up_is_good=up_is_good)
    assert (plain(found.text), found.tone) == (text, tone)
    assert bool(found.reason) == (text == "n/a")


def test_days_and_periods_are_written_out() -> None:
    assert plain(formatting.day(date(2026, 11, 2))) == "2 Nov 2026"
    assert plain(formatting.period(date(2026, 11, 9), "week")) == "week of 9 Nov 2026"
    assert plain(formatting.period(date(2026, 11, 1), "month")) == "Nov 2026"
    assert plain(formatting.span(date(2026, 11, 1), date(2026, 11, 7))) == "1–7 Nov 2026"
    assert plain(formatting.span(date(2026, 10, 24), date(2026, 11, 20))) == "24 Oct – 20 Nov 2026"
    assert plain(formatting.span(date(2025, 12, 24), date(2026, 1, 20))) == "24 Dec 2025 – 20 Jan 2026"
    assert plain(formatting.span(date(2026, 1, 2), date(2026, 1, 2))) == "2 Jan 2026"
    assert plain(formatting.between(date(2026, 11, 1), date(2026, 11, 7))) == "between 1 and 7 Nov 2026"
    assert plain(formatting.between(date(2026, 11, 1), date(2026, 11, 1))) == "on 1 Nov 2026"
    assert plain(formatting.between(date(2025, 11, 1), date(2026, 2, 1))) == "between 1 Nov 2025 and 1 Feb 2026"


def test_times_carry_their_zone() -> None:
    stored = datetime(2026, 7, 1, 22, 30)
    assert plain(formatting.moment(stored, "Europe/Berlin")) == "2 Jul 2026, 00:30 CEST"
    assert plain(formatting.moment(stored, "Asia/Kolkata")) == "2 Jul 2026, 04:00 IST"
    assert plain(formatting.clock(datetime(2026, 1, 1, 5, tzinfo=UTC))) == "05:00 UTC"


def test_durations_have_their_two_largest_units() -> None:
    found = [plain(formatting.duration(s)) for s in (0, 12.4, 310, 3_600, 273_600 + 59)]
    assert found == ["0 s", "12 s", "5 min 10 s", "1 h", "3 d 4 h"]


def test_a_share_of_nothing_is_no_number() -> None:
    assert formatting.share(1, 0) == "-"
    assert plain(formatting.share(1, 8)) == "12.5 %"
