"""Ranges, axes and the one number of a range."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from serving.adding import Parts, add_up
from serving.axes import MOST_TICKS, time_axis, time_value, value_axis
from serving.catalogue import Kpi, Tenant
from serving.charts import has_direct_labels, starts_at_zero
from serving.figures import compare, figure
from serving.formatting import Change, Style
from serving.ranges import Extent, Span, TimeGrain, compared, periods, preset, shown_grain, start_of
from serving.series import Plot, Series
from serving.sparkline import sparkline
from serving.theme import chart_theme, colours
from serving.values import Value, Values

ALL_GRAINS: tuple[TimeGrain, ...] = ("day", "week", "month")
EXTENT = Extent(date(2026, 8, 3), date(2026, 11, 21), date(2026, 11, 20))
TENANT = Tenant("rentals", "Rentals", "", "Europe/Berlin", "EUR", EXTENT)


def kpi(**changed: Any) -> Kpi:
    words = dict.fromkeys(("description", "owner", "formula", "numerator_label", "denominator_label", "runbook"), "")
    usual = {
        "unit": "count",
        "format": "integer",
        "up_is_good": True,
        "is_additive": True,
        "target": None,
        "checks": (),
    }
    return Kpi(kpi="k", title="K", time_grains=ALL_GRAINS, dimensions=(), **(words | usual | changed))  # type: ignore[arg-type]


def value(start: date, over: float, under: float = 1, *, complete: bool = True) -> Value:
    return Value(start, "all", Decimal(over), Decimal(under), over / under if under else None, complete)


def test_named_ranges_end_on_the_last_complete_day() -> None:
    found = {name: preset(name, EXTENT) for name in ("7d", "month", "last_month", "all")}
    assert found == {
        "7d": Span(date(2026, 11, 14), date(2026, 11, 20)),
        "month": Span(date(2026, 11, 1), date(2026, 11, 20)),
        "last_month": Span(date(2026, 10, 1), date(2026, 10, 31)),
        "all": Span(date(2026, 8, 3), date(2026, 11, 21)),
    }


@pytest.mark.parametrize(
    ("name", "first", "last", "before"),
    [
        ("last_month", "2026-10-01", "2026-10-31", "2026-09-01 2026-09-30"),
        ("last_month", "2026-03-01", "2026-03-31", "2026-02-01 2026-02-28"),
        ("custom", "2026-01-01", "2026-03-31", "2025-10-01 2025-12-31"),
        ("month", "2026-11-01", "2026-11-29", "2026-10-01 2026-10-29"),
        ("month", "2026-11-01", "2026-11-30", "2026-10-01 2026-10-31"),
        ("month", "2026-03-01", "2026-03-30", "2026-02-01 2026-02-28"),
        ("month", "2028-03-01", "2028-03-01", "2028-02-01 2028-02-01"),
        ("custom", "2026-11-02", "2026-11-30", "2026-10-04 2026-11-01"),
        ("custom", "2026-10-01", "2026-11-29", "2026-08-02 2026-09-30"),
        ("28d", "2026-02-01", "2026-02-28", "2026-01-04 2026-01-31"),
        ("7d", "2026-11-01", "2026-11-07", "2026-10-25 2026-10-31"),
    ],
)
def test_months_are_compared_with_months_and_other_days_with_as_many(
    name: str, first: str, last: str, before: str
) -> None:
    span = compared(Span(date.fromisoformat(first), date.fromisoformat(last)), name)
    assert f"{span.first} {span.last}" == before


def test_only_periods_that_lie_wholly_inside_a_range_belong_to_it() -> None:
    span = Span(date(2026, 10, 31), date(2026, 11, 30))
    assert periods(span, "month") == [date(2026, 11, 1)]
    assert periods(span, "week") == [date(2026, 11, d) for d in (2, 9, 16, 23)]
    assert len(periods(span, "day")) == 31
    assert start_of(date(2026, 11, 1), "week") == date(2026, 10, 26)


def test_a_chart_takes_another_time_grain_where_its_own_gives_too_many_points_or_none() -> None:
    ten_years = Span(date(2017, 1, 1), date(2026, 12, 31))
    assert shown_grain("day", ten_years, ALL_GRAINS) == "month"
    assert shown_grain("day", Span(date(2025, 1, 1), date(2026, 12, 31)), ALL_GRAINS) == "week"
    assert shown_grain("week", Span(date(2026, 11, 17), date(2026, 11, 19)), ALL_GRAINS) == "day"
    assert shown_grain("week", Span(date(2026, 11, 17), date(2026, 11, 19)), ("week",)) == "week"
    assert shown_grain("month", Span(date(2026, 11, 1), date(2026, 11, 30)), ALL_GRAINS) == "month"


def test_adding_up_is_exact_and_keeps_the_constant_one() -> None:
    parts = [Parts(Decimal("0.1"), Decimal(1)), Parts(None, Decimal(1)), Parts(Decimal("0.2"), Decimal(1))]
    assert add_up(parts, has_denominator=False) == Parts(Decimal("0.3"), Decimal(1))
    assert add_up(parts, has_denominator=True).value == Decimal("0.1")
    assert add_up([], has_denominator=False).value is None
    assert add_up([Parts(Decimal(0), Decimal(0))], has_denominator=True).value is None


def test_a_ratio_over_a_range_is_the_ratio_of_its_sums() -> None:
    days = [value(date(2026, 11, 9), 1, 10), value(date(2026, 11, 10), 9, 30)]
    share = kpi(unit="ratio", format="percent", denominator_label="Sessions")
    found = figure(Values({("k", "day", "all"): days}), share, TENANT, Span(date(2026, 11, 9), date(2026, 11, 10)))
    assert (found.value, found.time_grain, found.is_complete) == (Decimal("0.25"), None, True)


def test_a_total_is_complete_once_each_of_its_days_is() -> None:
    days = [value(date(2026, 11, 9), 1, 10), value(date(2026, 11, 10), 9, 30, complete=False)]
    values, span = Values({("k", "day", "all"): days}), Span(date(2026, 11, 9), date(2026, 11, 10))
    assert not figure(
        values, kpi(unit="ratio", format="percent", denominator_label="New users"), TENANT, span
    ).is_complete


def test_what_does_not_add_up_shows_its_largest_complete_period_and_says_which() -> None:
    rows = {
        ("k", "month", "all"): [value(date(2026, 11, 1), 90, complete=False)],
        ("k", "week", "all"): [value(date(2026, 11, 2), 20), value(date(2026, 11, 9), 21)],
        ("k", "day", "all"): [value(date(2026, 11, d), d) for d in range(1, 21)],
    }
    values, users = Values(rows), kpi(is_additive=False)
    four_weeks = figure(values, users, TENANT, Span(date(2026, 10, 24), date(2026, 11, 30)))
    assert (four_weeks.value, four_weeks.label.replace("\u00a0", " ")) == (21.0, "week of 9 Nov 2026")
    two_days = figure(values, users, TENANT, Span(date(2026, 11, 10), date(2026, 11, 11)))
    assert (two_days.value, two_days.time_grain) == (11.0, "day")
    compared = compare(values, users, TENANT, Span(date(2026, 11, 9), date(2026, 11, 15)), None)
    assert compared.change is None
    compared = compare(
        values, users, TENANT, Span(date(2026, 11, 9), date(2026, 11, 15)), Span(date(2026, 11, 2), date(2026, 11, 8))
    )
    assert compared.change is not None
    assert compared.change.text.replace("\u00a0", " ") == "+5.0 %"


def test_a_level_is_that_of_the_last_complete_day_that_has_one() -> None:
    months = [value(date(2026, 10, 1), 31), value(date(2026, 11, 1), 90, complete=False)]
    days = [value(date(2026, 11, d), d, complete=d < 20) for d in (1, 2, 9, 18, 20)]
    values, level = (
        Values({("k", "month", "all"): months, ("k", "day", "all"): days}),
        kpi(is_additive=False, is_level=True),
    )
    span, previous = Span(date(2026, 10, 1), date(2026, 11, 21)), Span(date(2026, 8, 11), date(2026, 9, 30))
    assert (figure(values, level, TENANT, span).value, figure(values, level, TENANT, span).time_grain) == (18.0, "day")
    not_over = figure(values, level, TENANT, Span(date(2026, 11, 19), date(2026, 11, 21)))
    assert (not_over.value, not_over.is_complete) == (20.0, False)
    assert not figure(values, level, TENANT, previous).has_rows
    weeks = compare(
        values, level, TENANT, Span(date(2026, 11, 14), date(2026, 11, 20)), Span(date(2026, 11, 7), date(2026, 11, 13))
    )
    assert (weeks.before and weeks.before.value, weeks.change and weeks.change.text) == (9.0, "+100.0\u00a0%")
    assert compare(values, level, TENANT, span, previous).change == Change(
        "n/a", "neutral", "no value in the compared period"
    )


def test_no_rows_are_no_data_and_not_zero() -> None:
    empty = figure(Values({}), kpi(), TENANT, Span(date(2026, 11, 9), date(2026, 11, 15)))
    assert (empty.value, empty.has_rows) == (None, False)
    empty = figure(Values({}), kpi(is_additive=False), TENANT, Span(date(2026, 11, 9), date(2026, 11, 15)))
    assert (empty.value, empty.has_rows) == (None, False)


def test_a_compared_range_that_lacks_days_gives_no_change() -> None:
    days = Values({("k", "day", "all"): [value(date(2026, 8, d), 5) for d in range(3, 20)]})
    span = Span(date(2026, 8, 10), date(2026, 8, 19))
    change = compare(days, kpi(), TENANT, span, span.previous).change
    assert change is not None
    assert change.text == "n/a"
    assert "begins within" in change.reason


def test_what_is_not_complete_is_not_compared() -> None:
    rows = [value(date(2026, 11, d), 10, complete=d < 21) for d in range(9, 22)]
    days, span = Values({("k", "day", "all"): rows}), Span(date(2026, 11, 15), date(2026, 11, 21))
    moved = compare(days, kpi(), TENANT, span, span.days_before)
    assert (moved.now.is_complete, moved.change) == (False, Change("n/a", "neutral", "the period is not complete"))
    over = Span(date(2026, 11, 15), date(2026, 11, 20))
    moved = compare(days, kpi(), TENANT, over, over.days_before)
    assert moved.change == Change("0.0\u00a0%", "neutral")
    # Of a KPI that looks ahead the newest days can be complete while those before are not, if it was backfilled.
    rows = [value(date(2026, 11, d), 10, complete=d > 12) for d in range(9, 21)]
    moved = compare(Values({("k", "day", "all"): rows}), kpi(), TENANT, over, over.days_before)
    assert moved.change == Change("n/a", "neutral", "the compared period is not complete")


@pytest.mark.parametrize(
    ("low", "high", "style", "labels"),
    [
        (0, 17, Style("count"), ["0", "5", "10", "15", "20"]),
        (0, 1, Style("count"), ["0", "1"]),
        (0, 0, Style("count"), ["0", "1"]),
        (-3, 8, Style("count"), ["−5", "0", "5", "10"]),
        (0, 7_600, Style("money", currency="EUR"), ["€0", "€2 K", "€4 K", "€6 K", "€8 K"]),
        (0, 0.083, Style("ratio"), ["0 %", "2.5 %", "5.0 %", "7.5 %", "10.0 %"]),
    ],
)
def test_an_axis_has_at_most_five_round_ticks(low: float, high: float, style: Style, labels: list[str]) -> None:
    axis, domain = value_axis(low, high, style, from_zero=True)
    assert [
        label
        for label in labels
        if f'"{label}"'.replace(" ", "\\u00a0").replace("€", "\\u20ac").replace("−", "\\u2212") in axis["labelExpr"]
    ] == labels
    assert len(axis["values"]) == len(labels) <= MOST_TICKS
    assert domain[0] <= low
    assert domain[1] >= high


def test_a_line_may_leave_zero_out() -> None:
    axis, domain = value_axis(0.051, 0.062, Style("ratio"), from_zero=False)
    assert domain == (0.05, 0.065)
    assert len(axis["values"]) <= MOST_TICKS


@pytest.mark.parametrize(("numbers", "from_zero"), [((6, 6), True), ((60, 62), False), ((2, 62), True)])
def test_a_line_that_never_moves_stands_on_zero(numbers: tuple[int, int], from_zero: bool) -> None:
    starts = (date(2026, 11, 2), date(2026, 11, 9))
    values = tuple(value(start, n) for start, n in zip(starts, numbers, strict=True))
    plot = Plot("week", starts, (Series("K", Style("count"), 1, values),), is_split=False)
    assert starts_at_zero(plot, "line") is from_zero


def test_a_time_axis_labels_at_most_five_periods() -> None:
    days = periods(Span(date(2026, 10, 24), date(2026, 11, 20)), "day")
    axis = time_axis(days, [time_value(d) for d in days], "day")
    assert len(axis["values"]) <= MOST_TICKS
    assert axis["values"][0] == time_value(days[0])
    years = [date(2025, 12, 1), date(2026, 1, 1)]
    assert "Dec\\u00a02025" in time_axis(years, [1.0, 2.0], "month")["labelExpr"]


def test_a_sparkline_breaks_where_there_is_no_value_and_dots_what_is_not_complete() -> None:
    line = sparkline([(1, True), (2, True), (None, True), (3, True), (1, False)])
    assert line is not None
    assert line.solid.count("M") == 2
    assert line.dotted.count("M") == 1
    assert sparkline([(1, True), (None, True)]) is None


def test_text_can_be_read_in_both_themes() -> None:
    for theme in ("light", "dark"):
        colour = colours(theme)
        for text in ("text", "muted", "accent", "good", "bad", "warn"):
            for ground in ("surface", "background"):
                assert _contrast(colour[text], colour[ground]) >= 4.5, (theme, text, ground)
        assert _contrast(colour["on-accent"], colour["accent"]) >= 4.5
        assert _contrast(colour["warn"], colour["warn-surface"]) >= 4.5
        assert _contrast(colour["accent"], colour["sunken"]) >= 4.5
        assert chart_theme()[theme]["range"]["category"][0] == "#0072b2"


def _contrast(one: str, other: str) -> float:
    """WCAG contrast of two colours `#rrggbb`."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("titles", "are_direct"),
    [
        (("Demand liquidity", "Supply liquidity"), True),
        (("Sessions", "Searches", "Bookings", "Buyers"), True),
        (("Sessions", "Searches", "Bookings", "Buyers", "Leads"), False),
        (("GMV", "Concentration within markets (HHI)"), False),  # on a phone nothing of the lines would be left
        (("Sessions",), False),
    ],
)
def test_only_few_and_short_names_stand_at_the_ends_of_lines(titles: tuple[str, ...], are_direct: bool) -> None:
    start = date(2026, 11, 2)
    series = tuple(Series(title, Style("count"), n, (value(start, 1),)) for n, title in enumerate(titles, 1))
    assert has_direct_labels(Plot("week", (start,), series, is_split=False), "line") == are_direct
    assert not has_direct_labels(Plot("week", (start,), series, is_split=False), "bar")
