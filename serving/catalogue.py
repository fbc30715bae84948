"""What a version says about itself: its publication, tenants, KPIs and the checks that guard them."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from almanac.kpi_settings import Threshold
from serving import formatting
from serving.formatting import Style
from serving.ranges import GRAINS, Extent, TimeGrain
from serving.reading import Reading

KPI_MODELS = frozenset({"kpi_values", "kpi_measures"})  # every KPI passes through these


@dataclass(frozen=True)
class Publication:
    """Which publication the numbers come from; times are UTC, naive."""

    id: str
    published_at: datetime
    data_as_of: datetime
    definitions_hash: str


@dataclass(frozen=True)
class Tenant:
    """A business whose numbers can be chosen; `extent` are its days with KPI values."""

    tenant: str
    title: str
    business: str
    time_zone: str
    currency: str
    extent: Extent


@dataclass(frozen=True)
class Check:
    """One check of the build that made the version."""

    name: str
    subject: str
    severity: str
    passed: bool
    message: str


@dataclass(frozen=True)
class Kpi:
    """A KPI as the catalogue describes it, with the checks of everything it is made from."""

    kpi: str
    title: str
    description: str
    owner: str
    unit: str
    format: str
    up_is_good: bool
    formula: str
    numerator_label: str
    denominator_label: str
    is_additive: bool
    time_grains: tuple[TimeGrain, ...]
    dimensions: tuple[str, ...]
    target: float | None
    runbook: str
    checks: tuple[Check, ...]
    threshold: Threshold | None = None
    is_level: bool = False  # how much there is at the end of a period, not what happened in it
    is_hourly: bool = False  # whether it has values in `kpi_hourly_values`, too
    only_with: str = ""  # the KPI without which a business has no use of this one

    @property
    def has_denominator(self) -> bool:
        """Whether it is one thing over another; a plain count or amount is stored over the constant 1."""
        return bool(self.denominator_label)

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(c for c in self.checks if not c.passed)

    def style(self, currency: str | None) -> Style:
        """How its numbers look for a tenant of this currency."""
        return Style(self.unit, self.format, currency if self.unit == "money" else None)

    @property
    def threshold_text(self) -> str:
        """From where on its owner is to be alarmed, in words; empty if no threshold is set."""
        style = self.style(None)
        return "" if self.threshold is None else self.threshold.words(lambda value: formatting.exact(value, style))


def publication(reading: Reading) -> Publication:
    """The publication of the version."""
    if "publication" not in reading.memo:
        row = reading.rows("select publication_id, published_at, data_as_of, definitions_hash from publication")[0]
        reading.memo["publication"] = Publication(*row)
    return cast(Publication, reading.memo["publication"])


def tenants(reading: Reading) -> dict[str, Tenant]:
    """The tenants with KPI values, by name, ordered by title; their extent is that of their daily values."""
    if "tenants" not in reading.memo:
        rows = reading.rows(
            """
            with extents as (
                select tenant, min(period_start) as first, max(period_start) as last,
                    max(period_start) filter (where is_complete) as last_complete
                from kpi_values where time_grain = 'day' and dimension = 'all' group by tenant
            )
            select e.tenant, coalesce(t.title, e.tenant), coalesce(t.business, ''), coalesce(t.time_zone, 'UTC'),
                coalesce(t.currency, ''), e.first, e.last, e.last_complete
            from extents as e left join dim_tenants as t on t.tenant = e.tenant
            order by 2, 1
            """
        )
        reading.memo["tenants"] = {r[0]: Tenant(r[0], r[1], r[2], r[3], r[4], Extent(*r[5:])) for r in rows}
    return cast(dict[str, Tenant], reading.memo["tenants"])


def kpis(reading: Reading) -> dict[str, Kpi]:
    """The KPIs of the catalogue, by name, ordered by title."""
    if "kpis" not in reading.memo:
        reading.memo["kpis"] = _kpis(reading)
    return cast(dict[str, Kpi], reading.memo["kpis"])


def _kpis(reading: Reading) -> dict[str, Kpi]:
    checks = [Check(**r) for r in reading.records("select name, subject, severity, passed, message from check_results")]
    # All columns: a version of before an upgrade, which is read until the next one is published, may lack the newest.
    rows = reading.records("select * from kpi_catalogue order by lower(title), kpi")
    return {row["kpi"]: _kpi(row, checks) for row in rows}


def _kpi(row: dict[str, Any], checks: list[Check]) -> Kpi:
    subjects = KPI_MODELS | set(_names(row["facts"]))
    grains = _names(row["time_grains"])
    texts = ("kpi", "title", "description", "owner", "unit", "format", "formula", "numerator_label", "runbook")
    return Kpi(
        **{name: str(row[name] or "") for name in texts},
        denominator_label="" if row["denominator_label"] in (None, "1") else str(row["denominator_label"]),
        up_is_good=row["direction"] == "up_is_good",
        is_additive=bool(row["is_additive"]),
        is_level=bool(row.get("is_level")),
        time_grains=tuple(g for g in GRAINS if g in grains),
        is_hourly="hour" in grains,
        only_with=row.get("only_with") or "",
        dimensions=_names(row["dimensions"]),
        target=row["target"],
        threshold=Threshold.model_validate_json(text) if (text := row.get("threshold")) else None,
        checks=tuple(sorted((c for c in checks if c.subject in subjects), key=lambda c: (c.passed, c.subject, c.name))),
    )


def valued(reading: Reading) -> dict[str, frozenset[str]]:
    """By tenant the KPIs of which it has any value on any day."""
    if "valued" not in reading.memo:
        rows = reading.rows(
            "select tenant, list(distinct kpi) from kpi_values"
            " where time_grain = 'day' and dimension = 'all' and value is not null group by tenant"
        )
        reading.memo["valued"] = {name: frozenset(found) for name, found in rows}
    return cast(dict[str, frozenset[str]], reading.memo["valued"])


def lacking(reading: Reading, tenant: str) -> frozenset[str]:
    """The KPIs that say nothing of a tenant: each goes only with another one, of which it never had a value.

    A business that takes no bookings turns 0 % of its searches into some, and nobody wants to read that as a failure.
    """
    key = f"lacking {tenant}"
    if key not in reading.memo:
        found = valued(reading).get(tenant, frozenset())
        reading.memo[key] = frozenset(k.kpi for k in kpis(reading).values() if k.only_with and k.only_with not in found)
    return cast(frozenset[str], reading.memo[key])


def dimension_values(reading: Reading, tenant: str, dimension: str) -> tuple[str, ...]:
    """Every value that a tenant has of a dimension, sorted: its place decides its colour, on every page the same."""
    key = f"dimension {tenant} {dimension}"
    if key not in reading.memo:
        rows = reading.rows(
            "select distinct dimension_value from kpi_values where tenant = ? and dimension = ? order by 1",
            [tenant, dimension],
        )
        reading.memo[key] = tuple(r[0] for r in rows)
    return cast(tuple[str, ...], reading.memo[key])


def arrival_extents(reading: Reading) -> dict[str, tuple[date, date]]:
    """First and last day of arrival (UTC) per tenant."""
    if "arrivals" not in reading.memo:
        rows = reading.rows("select tenant, min(received_date), max(received_date) from mv_daily_arrivals group by 1")
        reading.memo["arrivals"] = {r[0]: (r[1], r[2]) for r in rows}
    return cast(dict[str, tuple[date, date]], reading.memo["arrivals"])


def known_tenants(reading: Reading) -> dict[str, Tenant]:
    """Tenants with KPI values, and those of which something arrived: all of it may have been refused."""
    if "known_tenants" not in reading.memo:
        titles = {
            r[0]: r[1:] for r in reading.rows("select tenant, title, business, time_zone, currency from dim_tenants")
        }
        known = dict(tenants(reading))
        for name, (first, last) in sorted(arrival_extents(reading).items()):
            title, business, zone, currency = titles.get(name, (name, "", "UTC", ""))
            known.setdefault(name, Tenant(name, title, business, zone, currency, Extent(first, last, None)))
        reading.memo["known_tenants"] = dict(sorted(known.items(), key=lambda item: (item[1].title, item[0])))
    return cast(dict[str, Tenant], reading.memo["known_tenants"])


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(str(v) for v in json.loads(text or "[]"))
