"""The rows of `kpi_values` that one page needs, read once and found again by KPI, time grain and dimension."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from serving.adding import Parts
from serving.catalogue import lacking
from serving.ranges import Span, TimeGrain
from serving.reading import Reading

ALL = "all"  # the dimension of totals, and its only value


@dataclass(frozen=True)
class Value:
    """One row of `kpi_values`; `value` is exactly what is stored."""

    period_start: date
    dimension_value: str
    numerator: Decimal | None
    denominator: Decimal | None
    value: float | None
    is_complete: bool

    @property
    def parts(self) -> Parts:
        """Numerator and denominator, for adding up."""
        return Parts(self.numerator, self.denominator)


class Values:
    """The values of some KPIs of one tenant."""

    def __init__(self, rows: dict[tuple[str, str, str], list[Value]]) -> None:
        self._rows = rows

    def of(self, kpi: str, grain: TimeGrain, span: Span, dimension: str = ALL) -> list[Value]:
        """Values whose period begins inside a range, oldest first, then by dimension value."""
        rows = self._rows.get((kpi, grain, dimension), [])
        return [v for v in rows if span.first <= v.period_start <= span.last]

    def at(self, kpi: str, grain: TimeGrain, start: date) -> Value | None:
        """The total of one period, None if it has no row."""
        found = self.of(kpi, grain, Span(start, start))
        return found[0] if found else None


def read_values(
    reading: Reading, tenant: str, kpis: Iterable[str], span: Span, dimensions: Iterable[str] = ()
) -> Values:
    """Read all time grains of some KPIs whose period begins inside a range: totals, and the given dimensions.

    Of a KPI that says nothing of the tenant (`lacking`) there are none.
    """
    rows = reading.rows(
        """
        select kpi, time_grain, dimension, period_start, dimension_value, numerator, denominator, value, is_complete
        from kpi_values
        where tenant = $tenant and list_contains($kpis, kpi) and list_contains($dimensions, dimension)
            and period_start between $first and $last
        order by period_start, dimension_value
        """,
        {
            "tenant": tenant,
            "kpis": sorted(set(kpis) - lacking(reading, tenant)),
            "dimensions": [ALL, *sorted(set(dimensions))],
            "first": span.first,
            "last": span.last,
        },
    )
    found: dict[tuple[str, str, str], list[Value]] = {}
    for kpi, grain, dimension, *value in rows:
        found.setdefault((kpi, grain, dimension), []).append(Value(*value))
    return Values(found)


def read_hours(reading: Reading, tenant: str, kpi: str, span: Span) -> list[tuple[Any, ...]]:
    """(Beginning of the hour, numerator, denominator, value, whether complete) by the tenant's clocks, oldest first."""
    return reading.rows(
        """
        select hour_start, numerator, denominator, value, is_complete
        from kpi_hourly_values
        where tenant = $tenant and kpi = $kpi and hour_start >= $first and hour_start < $last
        order by hour_start
        """,
        {"tenant": tenant, "kpi": kpi, "first": span.first, "last": span.last + timedelta(days=1)},
    )


def read_latest(reading: Reading) -> dict[tuple[str, str, str], list[Value]]:
    """The latest complete period and the one before it, newest first, per (tenant, KPI, time grain)."""
    rows = reading.rows(
        """
        select tenant, kpi, time_grain, period_start, dimension_value, numerator, denominator, value, is_complete
        from kpi_values
        where dimension = 'all' and is_complete
        qualify row_number() over (partition by tenant, kpi, time_grain order by period_start desc) <= 2
        order by tenant, kpi, time_grain, period_start desc
        """
    )
    found: dict[tuple[str, str, str], list[Value]] = {}
    for tenant, kpi, grain, *value in rows:
        if kpi in lacking(reading, tenant):
            continue
        found.setdefault((tenant, kpi, grain), []).append(Value(*value))
    return found
