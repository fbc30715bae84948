"""Dashboards: the list, each as a page, each card as CSV."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dashboards.specs import Dashboard, dimension_of, kpis_of
from serving import formatting
from serving.card_exports import card_csv
from serving.cards import CardSource, card_views
from serving.catalogue import kpis, publication, tenants
from serving.coverage import fitted, has_values, tenants_with
from serving.exports import file_name
from serving.filters import filters
from serving.portal import LIST, ReadingNow, address, dashboard, dashboards, default_tenant, render, the_portal
from serving.problems import Problem
from serving.ranges import Span
from serving.reading import Reading
from serving.selection import Asked, Selection, choose_tenant, select
from serving.values import read_values

OF_OTHERS, OF_NOBODY = "Of other tenants only", "Without any number so far"
router = APIRouter(include_in_schema=False)

LEAD = timedelta(days=62)  # before the compared range, so that the periods before its first one are there too


@router.get("/")
def home(request: Request, asked: Asked, reading: ReadingNow) -> Response:
    """The first dashboard that has numbers of the tenant, or the list of all."""
    portal = the_portal(request)
    tenant = choose_tenant(asked.tenant, tenants(reading), default_tenant(portal)).tenant
    for name, spec in dashboards(portal).items():
        if has_values(spec, reading, tenant):
            return RedirectResponse(address(f"{LIST}/{name}", _asked(request)), status_code=307)
    return listed(request, asked, reading)


@router.get(LIST)
def listed(request: Request, asked: Asked, reading: ReadingNow) -> HTMLResponse:
    """Every dashboard that has numbers of the tenant, by section; those of others, and of nobody, are named once."""
    portal = the_portal(request)
    known = tenants(reading)
    chosen = choose_tenant(asked.tenant, known, default_tenant(portal))
    sections: dict[str, list[tuple[str, str, str]]] = {}
    others: list[tuple[str, str]] = []
    empty: list[tuple[str, str]] = []
    for name, spec in dashboards(portal).items():
        if has_values(spec, reading, chosen.tenant):
            where = address(f"{LIST}/{name}", _asked(request) | {"tenant": chosen.tenant})
            entry = (where, spec.title, spec.description)
            sections.setdefault(spec.section.capitalize(), []).append(entry)
        else:
            (others if tenants_with(spec, reading) else empty).append((f"{LIST}/{name}", spec.title))
    context = {
        "title": "Dashboards",
        "tenant": chosen,
        "tenants": [
            (address(LIST, _asked(request) | {"tenant": t.tenant}), t.title, t == chosen) for t in known.values()
        ],
        "sections": sections,
        "named": [(title, found) for title, found in ((OF_OTHERS, others), (OF_NOBODY, empty)) if found],
    }
    carried = _asked(request) | {"tenant": chosen.tenant}
    zone = chosen.time_zone
    return render(request, "dashboards.html", context, reading=reading, time_zone=zone, carried=carried)


@router.get(LIST + "/{name}")
def show(request: Request, name: str, asked: Asked, reading: ReadingNow) -> HTMLResponse:
    """One dashboard for a tenant and a range of days: without what the tenant has no value of."""
    spec = dashboard(the_portal(request), name)
    source = _source(reading, spec, asked)
    chosen = source.selection
    own = fitted(spec, reading, chosen.tenant.tenant)
    context = {
        "title": spec.title,
        "spec": spec,
        "selection": chosen,
        "filters": filters(request.url.path, chosen, tenants(reading).values(), compares=True),
        "subtitle": _subtitle(chosen),
        "cards": card_views(own.dashboard, source),
        "missing": own.missing,
        "elsewhere": [
            (address(request.url.path, chosen.query | {"tenant": t.tenant}), t.title)
            for t in tenants_with(spec, reading)
            if own.is_empty
        ],
        "data_as_of": formatting.moment(source.publication.data_as_of, chosen.tenant.time_zone),
        "base": request.url.path,
    }
    zone = chosen.tenant.time_zone
    return render(request, "dashboard.html", context, reading=reading, time_zone=zone, carried=chosen.query)


@router.get(LIST + "/{name}/cards/{card}.csv")
def export(request: Request, name: str, card: str, asked: Asked, reading: ReadingNow) -> Response:
    """The numbers behind one card."""
    spec = dashboard(the_portal(request), name)
    found = next((c for c in spec.cards if c.id == card), None)
    if found is None:
        raise Problem(404, "unknown_card", f"The dashboard {name} has no card {card[:50]!r}.")
    source = _source(reading, spec, asked)
    chosen = source.selection
    days = (chosen.span.first.isoformat(), chosen.span.last.isoformat())
    disposition = f'attachment; filename="{file_name(name, card, chosen.tenant.tenant, *days)}"'
    return Response(card_csv(found, source), media_type="text/csv", headers={"Content-Disposition": disposition})


def _asked(request: Request) -> dict[str, str]:
    """What the address says, and nothing chosen for it: every dashboard has a range of its own."""
    return dict(request.query_params)


def _source(reading: Reading, spec: Dashboard, asked: Asked) -> CardSource:
    most = next((t.tenant for t in tenants_with(spec, reading)), None)
    chosen = select(asked, tenants(reading), spec.tenant_default or most, spec.range_default)
    names = [kpi for card in spec.cards for kpi in kpis_of(card)]
    dimensions = [dimension for card in spec.cards if (dimension := dimension_of(card))]
    first = (chosen.previous or chosen.span).first - LEAD
    values = read_values(reading, chosen.tenant.tenant, names, Span(first, chosen.span.last), dimensions)
    return CardSource(reading, publication(reading), kpis(reading), values, chosen)


def _subtitle(chosen: Selection) -> str:
    days = formatting.span(chosen.span.first, chosen.span.last)
    compared = ""
    if chosen.previous:
        compared = f", compared with {formatting.span(chosen.previous.first, chosen.previous.last)}"
    return f"{chosen.tenant.title}: {days}{compared}"
