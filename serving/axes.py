"""Axes of charts: round ticks and their labels, of values and of time."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from serving import formatting
from serving.formatting import Style
from serving.ranges import TimeGrain

MOST_TICKS = 5
STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


def value_axis(low: float, high: float, style: Style, *, from_zero: bool) -> tuple[dict[str, Any], tuple[float, float]]:
    """A y axis with at most five round ticks around `low` to `high`, and the domain that they span."""
    bottom, top = Decimal(str(low)), Decimal(str(high))
    if from_zero:
        bottom, top = min(bottom, Decimal(0)), max(top, Decimal(0))
    if bottom == top:
        bottom, top = (Decimal(0), top) if top > 0 else (bottom, bottom + 1)
    whole = style.unit == "count"
    step = _step(bottom, top, whole)
    first = (bottom / step).to_integral_value(ROUND_FLOOR) * step
    last = (top / step).to_integral_value(ROUND_CEILING) * step
    ticks = [first + step * n for n in range(int((last - first) / step) + 1)]
    labels = formatting.ticks(ticks, style)
    return _axis([float(t) for t in ticks], labels), (float(first), float(last))


def time_axis(starts: Sequence[date], places: Sequence[float], grain: TimeGrain) -> dict[str, Any]:
    """An x axis that labels at most five of the periods; `places` are where they lie."""
    step = max(1, -(-len(starts) // MOST_TICKS))
    chosen = range(0, len(starts), step)
    several_years = len({s.year for s in starts}) > 1
    return _axis([places[i] for i in chosen], [_label(starts[i], grain, several_years) for i in chosen])


def time_value(day: date) -> float:
    """Where a day lies on an x axis: its midnight (UTC) in milliseconds."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000


def _label(start: date, grain: TimeGrain, several_years: bool) -> str:
    if several_years or grain in ("month", "quarter"):
        return formatting.period_start(start, grain)
    return formatting.day_short(start)


def _step(bottom: Decimal, top: Decimal, whole: bool) -> Decimal:
    """The smallest round step that needs at most five ticks."""
    exponent = ((top - bottom) / MOST_TICKS).adjusted()
    while True:
        for factor in STEPS:
            step = factor.scaleb(exponent)
            if whole and step != step.to_integral_value():
                continue
            first = (bottom / step).to_integral_value(ROUND_FLOOR)
            last = (top / step).to_integral_value(ROUND_CEILING)
            if last - first < MOST_TICKS:
                return step
        exponent += 1


def _axis(places: list[float], labels: list[str]) -> dict[str, Any]:
    # The labels come ready: numbers and dates are formatted in one place, not by the chart.
    lookup = f"{json.dumps(labels)}[indexof({json.dumps(places)}, datum.value)]"
    return {"values": places, "labelExpr": lookup}
