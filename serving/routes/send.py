"""The page "Send an event": a command to paste, and what became of the event, looked up while one waits."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse

from almanac.event_lineage import kpis_by_event
from almanac.kpis import load_catalogue
from ingestion.tracking_plan import Plan
from serving import formatting
from serving.filters import Choice
from serving.portal import Portal, default_tenant, render, the_portal
from serving.problems import Problem
from serving.sending import KEY, sample
from serving.tracing import Trace, trace

router = APIRouter(include_in_schema=False)
PATH = "/events/send"
FIRST_EVENT = "search_performed"
BUILD = "almanac build"

TenantAsked = Annotated[str | None, Query(max_length=100)]


@dataclass(frozen=True)
class CountedIn:
    """A KPI that an event counts in."""

    kpi: str
    title: str


@router.get(PATH)
def show(
    request: Request,
    tenant: TenantAsked = None,
    event: Annotated[str | None, Query(max_length=200)] = None,
    wrong: bool = False,
) -> HTMLResponse:
    """A command for one event of a tenant; every call of the page makes another message id."""
    portal = the_portal(request)
    plan = portal.lake.plan
    chosen, name = _tenant(portal, plan, tenant), _event(plan, event)
    message_id = str(uuid4())
    made = sample(plan, name, message_id, is_wrong=wrong)
    context: dict[str, Any] = {
        "title": "Send an event",
        "tenants": [Choice(t.tenant, t.title, t.tenant == chosen) for _, t in sorted(plan.tenants.items())],
        "events": [Choice(n, f"{c.title} ({n})", n == name) for n, c in sorted(plan.events.items())],
        "contract": plan.events[name],
        "sample": made,
        "command": made.command(portal.settings.collector_url),
        "collector": portal.settings.collector_url,
        "key_command": _key_command(plan, chosen),
        "placeholder": KEY,
        "kpis": _counted_in(portal, name),
        "build": BUILD,
        "tenant": chosen,
        "message_id": message_id,
        "kinds": [(False, "Right"), (True, "Wrong on purpose")],
        "path": PATH,
    }
    return render(request, "send.html", context, carried={"tenant": chosen})


@router.get("/events/trace")
def look(
    request: Request,
    message_id: UUID,
    tenant: Annotated[str, Query(max_length=100)],
) -> JSONResponse:
    """What became of one event of the last two days."""
    portal = the_portal(request)
    plan = portal.lake.plan
    chosen = _tenant(portal, plan, tenant)
    found = trace(portal.arrived, portal.versions, chosen, message_id)
    zone = plan.tenants[chosen].time_zone
    return JSONResponse(_document(found, zone), headers={"Cache-Control": "no-store"})


def _document(found: Trace, zone: str) -> dict[str, Any]:
    document: dict[str, Any] = {"state": found.state}
    if found.place is not None:
        place = found.place
        document |= {
            "path": place.path,
            "row": place.ingest_row,
            "event": place.event,
            "received": formatting.moment(place.received_at, zone),
            "reasons": [{"field": r.field, "code": r.code, "message": r.message} for r in place.reasons],
        }
    return document


def _counted_in(portal: Portal, event: str) -> list[CountedIn]:
    catalogue = load_catalogue(portal.settings.root)
    names = kpis_by_event(portal.settings.root, catalogue, [event])[event]
    return [CountedIn(name, catalogue.kpis[name].settings.title) for name in names]


def _tenant(portal: Portal, plan: Plan, name: str | None) -> str:
    if name and name not in plan.tenants:
        raise Problem(404, "unknown_tenant", f"No tenant is called {name[:50]!r}: there is {', '.join(plan.tenants)}.")
    usual = default_tenant(portal)
    return name or (usual if usual in plan.tenants else next(iter(sorted(plan.tenants))))


def _event(plan: Plan, name: str | None) -> str:
    if name and name not in plan.events:
        raise Problem(404, "unknown_event", f"The tracking plan has no event {name[:50]!r}.")
    return name or (FIRST_EVENT if FIRST_EVENT in plan.events else next(iter(sorted(plan.events))))


def _key_command(plan: Plan, tenant: str) -> str:
    source = next(iter(plan.tenants[tenant].sources), "web")
    return f"almanac keys create --tenant {tenant} --source {source}"
