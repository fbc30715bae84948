"""Dashboards: the list, each as a page, each card as CSV."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dashboards.specs import Dashboard, Table, TimeSeries, kpis_of
from serving import formatting
from serving.card_exports import card_csv
from serving.cards import CardSource, card_views
from serving.catalogue import kpis, publication, tenants
from serving.exports import file_name
from serving.filters import filters
from serving.portal import ReadingNow, address, dashboard, dashboards, render, the_portal
from serving.problems import Problem
from serving.ranges import Span
from serving.reading import Reading
from serving.selection import Asked, Selection, select
from serving.values import read_values

router = APIRouter(include_in_schema=False)

LEAD = timedelta(days=62)  # before the compared range, so that the periods before its first one are there too


@router.get("/")
def home(request: Request) -> Response:
    """The only dashboard there is, or the list of all."""
    found = dashboards(the_portal(request))
    if len(found) == 1:
        return RedirectResponse(
            address(f"/dashboards/{next(iter(found))}", dict(request.query_params)), status_code=307
        )
    listed = [(f"/dashboards/{name}", d.title, d.description) for name, d in found.items()]
    return render(request, "dashboards.html", {"title": "Dashboards", "dashboards": listed})


@router.get("/dashboards/{name}")
def show(request: Request, name: str, asked: Asked, reading: ReadingNow) -> HTMLResponse:
    """One dashboard for a tenant and a range of days."""
    spec = dashboard(the_portal(request), name)
    source = _source(reading, spec, asked)
    chosen = source.selection
    context = {
        "title": spec.title,
        "spec": spec,
        "selection": chosen,
        "filters": filters(request.url.path, chosen, tenants(reading).values(), compares=True),
        "subtitle": _subtitle(chosen),
        "cards": card_views(spec, source),
        "data_as_of": formatting.moment(source.publication.data_as_of, chosen.tenant.time_zone),
        "base": request.url.path,
    }
    zone = chosen.tenant.time_zone
    return render(request, "dashboard.html", context, reading=reading, time_zone=zone, carried=chosen.query)


@router.get("/dashboards/{name}/cards/{card}.csv")
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


def _source(reading: Reading, spec: Dashboard, asked: Asked) -> CardSource:
    chosen = select(asked, tenants(reading), spec.tenant_default, spec.range_default)
    names = [kpi for card in spec.cards for kpi in kpis_of(card)]
    dimensions = [c.dimension for c in spec.cards if isinstance(c, TimeSeries | Table) and c.dimension]
    first = (chosen.previous or chosen.span).first - LEAD
    values = read_values(reading, chosen.tenant.tenant, names, Span(first, chosen.span.last), dimensions)
    return CardSource(reading, publication(reading), kpis(reading), values, chosen)


def _subtitle(chosen: Selection) -> str:
    days = formatting.span(chosen.span.first, chosen.span.last)
    compared = ""
    if chosen.previous:
        compared = f", compared with {formatting.span(chosen.previous.first, chosen.previous.last)}"
    return f"{chosen.tenant.title}: {days}{compared}"
