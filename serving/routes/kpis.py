"""The page of all KPIs: what each means, who owns it, its latest value for every tenant."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from serving import formatting
from serving.catalogue import Kpi, Tenant, kpis, publication, tenants
from serving.explanations import Explanation, explain
from serving.figures import compare_latest
from serving.filters import Choice
from serving.portal import ReadingNow, render
from serving.problems import Problem
from serving.ranges import GRAINS, TimeGrain
from serving.reading import Reading
from serving.selection import Asked
from serving.values import read_latest

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class LatestView:
    """The latest complete value of one KPI for one tenant; `why` is None where there is none."""

    tenant: Tenant
    value: str
    exact: str
    period: str
    why: Explanation | None


@dataclass(frozen=True)
class KpiView:
    """A row of the page."""

    kpi: Kpi
    grain: TimeGrain
    target: str
    latest: tuple[LatestView, ...]
    is_measured: bool  # some tenant has a value of it, by whatever time grain


@router.get("/kpis")
def show(
    request: Request,
    reading: ReadingNow,
    asked: Asked,
    period: Annotated[TimeGrain, Query(description="The time grain of the values.")] = "week",
    owner: Annotated[str, Query(max_length=100, description="Only the KPIs of this owner.")] = "",
) -> HTMLResponse:
    """Every KPI of the catalogue, or of one owner."""
    counts = Counter(kpi.owner for kpi in kpis(reading).values())
    if owner and owner not in counts:
        raise Problem(404, "unknown_owner", f"No KPI is owned by {owner[:50]!r}: choose one of {', '.join(counts)}.")
    every = Choice("", f"All ({counts.total()})", not owner)
    context = {
        "title": "KPIs",
        "tenants": list(tenants(reading).values()),
        "kpis": [row for row in _rows(reading, period) if owner in ("", row.kpi.owner)],
        "owners": [every, *(Choice(name, f"{name} ({counts[name]})", name == owner) for name in sorted(counts))],
        "periods": [Choice(g, f"By {g}", g == period) for g in GRAINS],
        "query": dict(request.query_params),
    }
    carried = {k: v for k, v in request.query_params.items() if k in ("tenant", "range", "from", "to", "compareTo")}
    return render(request, "kpis.html", context, reading=reading, carried=carried)


def _rows(reading: Reading, grain: TimeGrain) -> list[KpiView]:
    latest = read_latest(reading)
    now = publication(reading)
    catalogue = kpis(reading)
    measured = {kpi for _, kpi, _ in latest}
    rows = []
    for kpi in catalogue.values():
        shown = grain if grain in kpi.time_grains else kpi.time_grains[0]
        cells = []
        for tenant in tenants(reading).values():
            found = latest.get((tenant.tenant, kpi.kpi, shown), [])
            style = kpi.style(tenant.currency)
            if not found:
                cells.append(LatestView(tenant, formatting.NONE, formatting.NONE, "", None))
                continue
            compared = compare_latest(found, kpi, tenant, shown)
            value = compared.now.value
            why = explain(kpi, catalogue.values(), tenant, compared, now)
            cells.append(
                LatestView(
                    tenant, formatting.compact(value, style), formatting.exact(value, style), compared.now.label, why
                )
            )
        target = formatting.exact(kpi.target, kpi.style(None)) if kpi.target is not None else ""
        rows.append(KpiView(kpi, shown, target, tuple(cells), kpi.kpi in measured))
    return rows
