"""Quantities of the simulator's truth put together over periods, and what a warehouse stored of a KPI."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from almanac.settings import Settings
from ingestion.simulator.tenants import BUSINESSES
from tests.kpi_truths import Part, Truth
from tests.recounted_joins import Sides

Cell = tuple[str, date, str, str]  # tenant, first day of the period, dimension, its value
Series = tuple[str, str, str]  # KPI, time grain, dimension


def stored(
    settings: Settings, kpi: str, grain: str, dimension: str
) -> Iterable[tuple[Cell, Decimal | None, Decimal | None]]:
    built_at = settings.warehouse.stat().st_mtime_ns
    return _all_stored(settings.warehouse, built_at).get((kpi, grain, dimension), [])


@lru_cache(maxsize=1)
def _all_stored(warehouse: Path, built_at: int) -> dict[Series, list[tuple[Cell, Decimal | None, Decimal | None]]]:
    """Read once: opening a warehouse takes longer than all that a test asks it."""
    found: dict[Series, list[tuple[Cell, Decimal | None, Decimal | None]]] = {}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        for kpi, grain, tenant, start, dimension, value, above, below in con.execute(
            "select kpi, time_grain, tenant, period_start, dimension, dimension_value, numerator, denominator "
            "from kpis.kpi_values"
        ).fetchall():
            cell = (tenant, start, dimension, value)
            found.setdefault((kpi, grain, dimension), []).append((cell, above, below))
    return found


def total(
    planned: dict[str, dict[Cell, Decimal]], parts: tuple[Part, ...], dimension: str, grain: str
) -> dict[Cell, Decimal]:
    """The parts added up over periods, each period under the name of its first day; of a level, its last day."""
    sums: dict[Cell, Decimal] = {}
    newest: dict[Cell, tuple[date, Decimal]] = {}
    for part in parts:
        for cell, values in met(planned, part, grain).items():
            sums[cell] = sums.get(cell, Decimal(0)) + len(values) * part.factor
    for part, (tenant, day, _, value), amount in chosen(planned, parts, dimension):
        start = start_of(day, grain)
        cell = (tenant, start, "all" if dimension == "all" else dimension, value)
        if not part.is_level:
            sums[cell] = sums.get(cell, Decimal(0)) + amount * part.factor
        elif day >= newest.get(cell, (day,))[0]:
            newest[cell] = (day, amount * part.factor)
    for cell, (_, amount) in newest.items():
        sums[cell] = sums.get(cell, Decimal(0)) + amount
    return sums


def met(planned: dict[str, dict[Cell, Decimal]], part: Part, grain: str) -> dict[Cell, set[str]]:
    """The values of the part's dimension that were met in a period."""
    found: dict[Cell, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    for (tenant, day, dimension, value), amount in sorted(
        planned.get(part.quantity, {}).items(), key=lambda c: c[0][1]
    ):
        if dimension == (part.met or part.first) and amount and not (part.first and (tenant, value) in seen):
            found.setdefault((tenant, start_of(day, grain), "all", "all"), set()).add(value)
            seen.add((tenant, value))
    return found


def of_visits(settings: Settings, kpi: str, dimension: str, grain: str) -> dict[Cell, Decimal]:
    """What the truth of visits says of a KPI that counts."""
    return dict(_all_of_visits(settings.truth).get((kpi, grain, dimension), {}))


@lru_cache(maxsize=1)
def _all_of_visits(truth: Path) -> dict[Series, dict[Cell, Decimal]]:
    found: dict[Series, dict[Cell, Decimal]] = {}
    for tenant in BUSINESSES:
        for row in pq.read_table(truth / f"{tenant}.parquet").to_pylist():
            cell = (tenant, row["period_start"], row["dimension"], row["dimension_value"])
            found.setdefault((row["kpi"], row["time_grain"], row["dimension"]), {})[cell] = row["numerator"]
    return found


def chosen(
    planned: dict[str, dict[Cell, Decimal]], parts: tuple[Part, ...], dimension: str
) -> Iterator[tuple[Part, Cell, Decimal]]:
    for part in (p for p in parts if not p.met and not p.first):
        wanted = part.where if part.where[0] != "all" else (dimension, None)
        cells = beside(planned, part) if part.beside else planned.get(part.quantity, {})
        for cell, amount in cells.items():
            if cell[2] == wanted[0] and wanted[1] in (None, "all", cell[3]):
                tenant, day, _, value = cell
                yield part, (tenant, day, dimension, value if part.where[0] == "all" else "all"), amount


def beside(planned: dict[str, dict[Cell, Decimal]], part: Part) -> dict[Cell, Decimal]:
    """What the part has on days on which its supplier has some of another quantity: by supplier, and of all."""
    found: dict[Cell, Decimal] = {}
    for cell, amount in planned.get(part.quantity, {}).items():
        if cell[2] == "supplier" and planned.get(part.beside, {}).get(cell, 0) > 0:
            for where in (cell, (*cell[:2], "all", "all")):
                found[where] = found.get(where, Decimal(0)) + amount
    return found


def running(settings: Settings, kpi: str, grain: str) -> dict[Cell, Decimal]:
    """What the truth of visits says of a KPI that adds up, of all days from the first revenue to the period's last."""
    daily, revenue = of_visits(settings, kpi, "all", "day"), of_visits(settings, "revenue", "all", "day")
    return so_far_of(settings, daily, {cell[:2] for cell in revenue}, grain)


def so_far_of(
    settings: Settings, daily: dict[Cell, Decimal], known: set[tuple[str, date]], grain: str
) -> dict[Cell, Decimal]:
    """What adds up by day, of all days from each tenant's first of those `known` to the period's last.

    The last period ends with the tenant's local day of the newest data.
    """
    newest = newest_days(settings)
    found: dict[Cell, Decimal] = {}
    for tenant in {whose for whose, _ in known}:
        first, so_far = min(day for whose, day in known if whose == tenant), Decimal(0)
        for number in range((newest[tenant] - first).days + 1):
            day = first + timedelta(days=number)
            so_far += daily.get((tenant, day, "all", "all"), 0)
            found[tenant, start_of(day, grain), "all", "all"] = so_far
    return found


def standing(
    planned: dict[str, dict[Cell, Decimal]], signs: dict[str, int], tenant: str, grain: str, last: date
) -> Iterator[tuple[date, dict[str, tuple[Decimal, Decimal]]]]:
    """Per period from a tenant's first movement to its last day what each subscription is before it, and at its end."""
    steps = [
        (day, name, sign * amount)
        for quantity, sign in signs.items()
        for (whose, day, dimension, name), amount in planned[quantity].items()
        if whose == tenant and dimension == "subscription" and day <= last
    ]
    first = min((day for day, _, _ in steps), default=last + timedelta(days=1))
    for start in sorted({start_of(first + timedelta(days=n), grain) for n in range((last - first).days + 1)}):
        levels: dict[str, tuple[Decimal, Decimal]] = {}
        for day, name, step in steps:
            before, after = levels.get(name, (Decimal(0), Decimal(0)))
            if start_of(day, grain) <= start:
                levels[name] = before + (step if day < start else 0), after + step
        yield start, levels


def of_cohort(
    settings: Settings, planned: dict[str, dict[Cell, Decimal]], what: str, grain: str
) -> tuple[dict[Cell, Decimal], dict[Cell, Decimal]]:
    """What has become of the subscriptions that were there when a period began, and what they were then."""
    signs = {"subscriptions_begun": 1, "subscriptions_ended": -1} if what == "gone" else {"mrr_movement_amount": 1}
    became = {
        "gone": lambda before, after: before - after,  # of one and none
        "lost": lambda before, after: max(before - after, 0),
        "retained": lambda _, after: after,
        "kept": min,
    }[what]
    above: dict[Cell, Decimal] = {}
    below: dict[Cell, Decimal] = {}
    for tenant, last in newest_days(settings).items():
        for start, levels in standing(planned, signs, tenant, grain, last):
            there = [pair for pair in levels.values() if pair[0] > 0]
            cell = (tenant, start, "all", "all")
            above[cell] = sum((became(*pair) for pair in there), Decimal(0))
            below[cell] = sum((before for before, _ in there), Decimal(0))
    return above, below


def spread_over_suppliers(
    settings: Settings, truth: Truth, grain: str, dimension: str
) -> tuple[dict[Cell, Decimal], dict[Cell, Decimal]]:
    """Squares and the square of all (or what the top tenth has, and the amount of all) of 28 days, at its end.

    Within values of a dimension both are those of each value, and of all together their sums.
    """
    split = f"{truth.within}_supplier" if truth.within else "supplier"
    sold: dict[tuple[str, date], dict[str, dict[str, Decimal]]] = {}
    for (tenant, day, _, word), amount in of_visits(settings, "gross_gmv", split, "day").items():
        value, _, supplier = word.rpartition("|")
        for later in range(28):
            of_value = sold.setdefault((tenant, day + timedelta(days=later)), {}).setdefault(value, {})
            of_value[supplier] = of_value.get(supplier, Decimal(0)) + amount
    newest = newest_days(settings)
    above: dict[Cell, Decimal] = {}
    below: dict[Cell, Decimal] = {}
    for (tenant, day), values in sorted(sold.items()):
        spread = {
            value: sorted((a for a in amounts.values() if a > 0), reverse=True) for value, amounts in values.items()
        }
        if day > newest[tenant] or not any(spread.values()):
            continue
        start = start_of(day, grain)
        for side in (above, below):  # a later day of the period takes the place of an earlier one
            for cell in [c for c in side if c[:2] == (tenant, start)]:
                del side[cell]
        for value, most in spread.items():
            cell = (tenant, start, "all", "all") if dimension == "all" else (tenant, start, dimension, value)
            if most and truth.spread == "squares":
                above[cell] = above.get(cell, Decimal(0)) + sum(a * a for a in most)
                below[cell] = below.get(cell, Decimal(0)) + sum(most) ** 2
            elif most:
                above[cell] = above.get(cell, Decimal(0)) + sum(most[: -(-len(most) // 10)])
                below[cell] = below.get(cell, Decimal(0)) + sum(most)
    return above, below


def recounted(days: Sides, grain: str) -> tuple[dict[Cell, Decimal], dict[Cell, Decimal]]:
    """Both sides per period, added up from its days."""
    above: dict[Cell, Decimal] = {}
    below: dict[Cell, Decimal] = {}
    for (tenant, day), (leaks, traced) in days.items():
        cell = (tenant, start_of(day, grain), "all", "all")
        above[cell], below[cell] = above.get(cell, Decimal(0)) + leaks, below.get(cell, Decimal(0)) + traced
    return above, below


def percentiles(settings: Settings, truth: Truth, grain: str, told: dict[Cell, Any]) -> dict[Cell, Decimal]:
    """A percentile of what requests took, or of a web vital, in proportion from one to the next, rounded as stored.

    Exactly between two digits either is right, so what is `told` decides: it is taken of binary fractions.
    """
    times_told = "select tenant, request_date, answer_ms from marts.fact_api_requests where answer_ms is not null"
    vitals_told = "select tenant, measured_date, measured_value from marts.fact_web_vitals where metric = ?"
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        asked = con.execute(vitals_told, [truth.vital]) if truth.vital else con.execute(times_told)
        rows = asked.fetchall()
    times: dict[Cell, list[Decimal]] = {}
    for tenant, day, milliseconds in rows:
        times.setdefault((tenant, start_of(day, grain), "all", "all"), []).append(milliseconds)
    found = {}
    for cell, own in times.items():
        own.sort()
        place, part = divmod(Decimal(truth.percent) / 100 * (len(own) - 1), 1)
        low, high = own[int(place)], own[min(int(place) + 1, len(own) - 1)]
        exact = low + part * (high - low)
        is_rounded = cell in told and abs(told[cell] - exact) <= Decimal("0.00005")
        found[cell] = told[cell] if is_rounded else exact.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return found


def newest_days(settings: Settings) -> dict[str, date]:
    """Each tenant's local day of the newest data."""
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        return dict(con.execute("select tenant, local_date from intermediate.int_events__as_of").fetchall())


def start_of(day: date, grain: str) -> date:
    if grain == "week":
        return day - timedelta(days=day.weekday())
    month = day if grain == "day" else day.replace(day=1)
    return month.replace(month=day.month - (day.month - 1) % 3) if grain == "quarter" else month
