"""Why this number": what stands behind a figure, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from serving import formatting
from serving.adding import Parts
from serving.catalogue import Check, Kpi, Publication, Tenant
from serving.figures import Comparison
from serving.formatting import Style


@dataclass(frozen=True)
class Part:
    """A numerator or denominator: what it counts, and its value."""

    label: str
    value: str


@dataclass(frozen=True)
class Explanation:
    """Everything that the panel "why this number" says."""

    kpi: Kpi
    value: str
    period: str
    is_total: bool
    parts: tuple[Part, ...]
    compared: str
    before: str
    no_change: str  # why there is no change between the two, if there is none
    checks_passed: int
    failed: tuple[Check, ...]
    data_as_of: str
    published_at: str
    publication_id: str


def explain(
    kpi: Kpi, kpis: Iterable[Kpi], tenant: Tenant, comparison: Comparison, publication: Publication
) -> Explanation:
    """Explain a figure of a tenant; `kpis` is the whole catalogue."""
    now, style = comparison.now, kpi.style(tenant.currency)
    styles = _part_styles(kpi, kpis, tenant, now.parts)
    parts = [Part(kpi.numerator_label or kpi.title, formatting.exact(now.parts.numerator, styles[0]))]
    if kpi.has_denominator:
        parts.append(Part(kpi.denominator_label, formatting.exact(now.parts.denominator, styles[1])))
    before = comparison.before
    return Explanation(
        kpi=kpi,
        value=formatting.exact(now.value, style),
        period=now.label,
        is_total=now.time_grain is None,
        parts=tuple(parts),
        compared=before.label if before else "",
        before=formatting.exact(before.value, style) if before else "",
        no_change=comparison.change.reason if comparison.change else "",
        checks_passed=len(kpi.checks) - len(kpi.failed_checks),
        failed=kpi.failed_checks,
        data_as_of=formatting.moment(publication.data_as_of, tenant.time_zone),
        published_at=formatting.moment(publication.published_at, tenant.time_zone),
        publication_id=publication.id,
    )


def _part_styles(kpi: Kpi, kpis: Iterable[Kpi], tenant: Tenant, parts: Parts) -> tuple[Style, Style]:
    """How numerator and denominator look: as the KPI that is nothing but that part, else by the KPI's own unit."""
    alone = {k.numerator_label: k.style(tenant.currency) for k in kpis if not k.has_denominator}
    own = kpi.style(tenant.currency)
    top = own if kpi.unit == "money" or not kpi.has_denominator else number_style(parts.numerator)
    return alone.get(kpi.numerator_label, top), alone.get(kpi.denominator_label, number_style(parts.denominator))


def number_style(number: Decimal | None) -> Style:
    """A number of unknown unit: whole if it is, else with two decimals."""
    is_whole = number is None or number == number.to_integral_value()
    return Style("count", decimals=0 if is_whole else 2)
