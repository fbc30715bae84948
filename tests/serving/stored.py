"""What pages must show, asked from the version's file with plain SQL; only formatting is shared with the portal."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from serving import formatting
from serving.formatting import Number, Style

PERIOD_ENDS = {
    "day": "interval 1 day",
    "week": "interval 7 days",
    "month": "interval 1 month",
    "quarter": "interval 3 months",
}


@dataclass(frozen=True)
class Expected:
    """A number, and the period it stands for (`total`, or its grain and start)."""

    value: Number | None
    period: str
    start: date | None
    has_rows: bool
    is_complete: bool = False


class Stored:
    """A published version as a test reads it."""

    def __init__(self, database: Path) -> None:
        self._con = duckdb.connect(str(database), read_only=True)
        self.kpis = {r["kpi"]: r for r in self.records("select * from kpi_catalogue")}
        self.tenants = {
            r["tenant"]: r
            for r in self.records(
                "select * from dim_tenants where tenant in (select tenant from kpi_values) order by title, tenant"
            )
        }

    def close(self) -> None:
        """Close the file."""
        self._con.close()

    def records(self, sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
        """Rows by column name."""
        result = self._con.execute(sql, parameters or [])
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def style(self, kpi: str, tenant: str) -> Style:
        """How the KPI looks for the tenant."""
        row = self.kpis[kpi]
        return Style(row["unit"], row["format"], self.tenants[tenant]["currency"] if row["unit"] == "money" else None)

    def days(self, tenant: str) -> tuple[date, date, date]:
        """First, last, and last complete day with a value."""
        found = self.records(
            "select min(period_start) as a, max(period_start) as b,"
            " max(case when is_complete then period_start end) as c from kpi_values"
            " where tenant = ? and time_grain = 'day' and dimension = 'all'",
            [tenant],
        )[0]
        return found["a"], found["b"], found["c"] or found["b"]

    def figure(self, tenant: str, kpi: str, first: date, last: date) -> Expected:
        """The number of a tile over a range of days."""
        if self.kpis[kpi]["is_additive"]:
            return self._total(tenant, kpi, first, last)
        grains = ("day",) if self.kpis[kpi]["is_level"] else ("quarter", "month", "week", "day")
        for condition in ("is_complete", "true"):
            for grain in grains:
                rows = self.records(
                    "select period_start, value from kpi_values where tenant = ? and kpi = ?"
                    f" and time_grain = '{grain}' and dimension = 'all' and {condition} and period_start >= ?"
                    f" and period_start + {PERIOD_ENDS[grain]} <= cast(? as date) + interval 1 day"
                    " order by period_start desc limit 1",
                    [tenant, kpi, first, last],
                )
                if rows:
                    found = rows[0]
                    return Expected(found["value"], grain, found["period_start"], True, condition == "is_complete")
        return Expected(None, "total", None, has_rows=False)

    def before(self, tenant: str, kpi: str, first: date, last: date) -> Expected:
        """The number that a tile is compared with."""
        now = self.figure(tenant, kpi, first, last)
        if now.period == "total" or self.kpis[kpi]["is_level"]:
            return self.figure(tenant, kpi, *self._range_before(first, last))
        rows = self.records(
            "select value, period_start, is_complete from kpi_values where tenant = ? and kpi = ? and time_grain = ?"
            f" and dimension = 'all' and period_start + {PERIOD_ENDS[now.period]} = ?",
            [tenant, kpi, now.period, now.start],
        )
        if not rows:
            return Expected(None, now.period, None, has_rows=False)
        return Expected(rows[0]["value"], now.period, rows[0]["period_start"], True, rows[0]["is_complete"])

    def change(self, tenant: str, kpi: str, first: date, last: date) -> str:
        """The text of a tile's badge."""
        now = self.figure(tenant, kpi, first, last)
        base = self._range_before(first, last)[0] if now.period == "total" else self._start_before(now)
        if base < self.days(tenant)[0] and not self.kpis[kpi]["is_level"]:
            return "n/a"
        before = self.before(tenant, kpi, first, last)
        if not (now.is_complete and before.is_complete):
            return "n/a"
        up_is_good = self.kpis[kpi]["direction"] == "up_is_good"
        return formatting.change(now.value, before.value, self.style(kpi, tenant), up_is_good=up_is_good).text

    def periods(
        self, tenant: str, kpi: str, grain: str, first: date, last: date, dimension: str = "all"
    ) -> dict[tuple[date, str], float | None]:
        """Stored values of the periods that lie wholly inside a range, by start and dimension value."""
        rows = self.records(
            "select period_start, dimension_value, value from kpi_values where tenant = ? and kpi = ?"
            f" and time_grain = '{grain}' and dimension = ? and period_start >= ?"
            f" and period_start + {PERIOD_ENDS[grain]} <= cast(? as date) + interval 1 day",
            [tenant, kpi, dimension, first, last],
        )
        return {(r["period_start"], r["dimension_value"]): r["value"] for r in rows}

    def _range_before(self, first: date, last: date) -> tuple[date, date]:
        """As many days before; before whole months as many months, before days from the 1st on those a month before."""
        found = self.records(
            "select extract(day from a) = 1 and extract(day from b + interval 1 day) = 1 as are_whole,"
            " extract(day from a) = 1 and date_trunc('month', a) = date_trunc('month', b) as is_begun,"
            " cast(a - to_months(cast(datediff('month', a, b) + 1 as integer)) as date) as months_before,"
            " cast(b - interval 1 month as date) as same_day from (select cast(? as date) as a, cast(? as date) as b)",
            [first, last],
        )[0]
        if found["are_whole"]:
            return found["months_before"], first - timedelta(days=1)
        if found["is_begun"]:
            return found["months_before"], found["same_day"]
        length = last - first + timedelta(days=1)
        return first - length, last - length

    def _start_before(self, now: Expected) -> date:
        sql = f"select cast(cast(? as date) - {PERIOD_ENDS[now.period]} as date) as start"
        start: date = self.records(sql, [now.start])[0]["start"]
        return start

    def _total(self, tenant: str, kpi: str, first: date, last: date) -> Expected:
        found = self.records(
            "select sum(numerator) as over, sum(denominator) as under, count(*) as n,"
            " bool_and(is_complete) as is_complete from kpi_values where tenant = ? and kpi = ?"
            " and time_grain = 'day' and dimension = 'all' and period_start between ? and ?",
            [tenant, kpi, first, last],
        )[0]
        under = found["under"] if self.kpis[kpi]["denominator_label"] else Decimal(1)
        value = None if found["over"] is None or not under else found["over"] / under
        is_complete = bool(found["is_complete"]) and last <= self.days(tenant)[2]
        return Expected(value, "total", None, bool(found["n"]), is_complete)
