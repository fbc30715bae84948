"""Why this number": what stands behind a figure, in words."""

from collections.abc import Iterable
from dataclasses import dataclass

from serving import formatting
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
    styles = _styles_of_parts(kpi, kpis, tenant)
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
        checks_passed=len(kpi.checks) - len(kpi.failed_checks),
        failed=kpi.failed_checks,
        data_as_of=formatting.moment(publication.data_as_of, tenant.time_zone),
        published_at=formatting.moment(publication.published_at, tenant.time_zone),
        publication_id=publication.id,
    )


def _styles_of_parts(kpi: Kpi, kpis: Iterable[Kpi], tenant: Tenant) -> tuple[Style, Style]:
    """How numerator and denominator look: as the KPI that is nothing but that part, else by the KPI's own unit."""
    alone = {k.numerator_label: k.style(tenant.currency) for k in kpis if not k.has_denominator}
    money = Style("money", currency=tenant.currency)
    count = Style("count", "decimal") if kpi.unit == "ratio" else Style("count")
    numerator = money if kpi.unit == "money" else count if kpi.has_denominator else kpi.style(tenant.currency)
    return alone.get(kpi.numerator_label, numerator), alone.get(kpi.denominator_label, count)
