"""The Data quality page: whether what arrives and what is built can be believed, and since when not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from almanac import quality
from almanac.quality import MODEL, SOURCE
from expectations.docs import DOCS_ADDRESS, PAGE, STYLE, docs_page
from serving import formatting
from serving.catalogue import known_tenants
from serving.event_tables import shortened
from serving.exports import file_name, table_csv
from serving.filters import filters
from serving.portal import Portal, ReadingNow, address, default_tenant, render, the_portal
from serving.problems import Problem
from serving.quality import SHARE, Quality, by_day, by_failure, by_subject, read_quality, together
from serving.ranges import Extent
from serving.reading import Reading
from serving.selection import Asked, Selection, choose_span, choose_tenant
from serving.tables import TableView

router = APIRouter(include_in_schema=False)
PATH = "/quality"


@dataclass(frozen=True)
class QualitySource:
    """What the page, its CSV files and the API are made from."""

    portal: Portal
    selection: Selection

    @cached_property
    def quality(self) -> Quality:
        """What was said of models and of the tenant's sources."""
        return read_quality(self.portal.settings, self.selection.tenant.tenant, self.selection.span)


TABLES: dict[str, Callable[[QualitySource], TableView]] = {
    "sources": lambda s: by_subject(s.quality.of(SOURCE), "Source"),
    "models": lambda s: by_subject(s.quality.of(MODEL), "Model"),
    "failures": lambda s: by_failure(s.quality.failures, s.selection.tenant.time_zone),
    "days": lambda s: by_day(s.quality.days),
}


@router.get(PATH)
def show(request: Request, asked: Asked, reading: ReadingNow) -> HTMLResponse:
    """Scores, failed checks and days of a tenant's sources and of all models."""
    portal = the_portal(request)
    source = quality_source(portal, reading, asked)
    if source is None:
        return render(request, "quality.html", {"title": "Data quality", "judged": False}, reading=reading)
    chosen, found = source.selection, source.quality
    sources, models = found.of(SOURCE), found.of(MODEL)
    days = formatting.between(chosen.span.first, chosen.span.last)
    context = {
        "title": "Data quality",
        "judged": True,
        "selection": chosen,
        "filters": filters(PATH, chosen, known_tenants(reading).values(), compares=False),
        "subtitle": f"{chosen.tenant.title}: {formatting.span(chosen.span.first, chosen.span.last)}",
        "terms": [
            (f"sources of {chosen.tenant.title}", formatting.exact(together(sources), SHARE)),
            ("models", formatting.exact(together(models), SHARE)),
            ("checks", formatting.count(sum(s.newest.errors + s.newest.warnings for s in (*sources, *models)))),
        ],
        "failing": [f for f in found.failing if f.is_error],
        "warning": [f for f in found.failing if not f.is_error],
        "judged_on": formatting.day(max(d.day for d in found.days)) if found.days else "",
        "weights": (quality.ERROR_WEIGHT, quality.WARNING_WEIGHT),
        "tables": {name: shortened(make(source)) for name, make in TABLES.items()},
        "exports": {name: address(f"{PATH}/{name}.csv", chosen.query) for name in TABLES},
        "nothing": f"No check was judged {days}.",
        "docs": DOCS_ADDRESS if docs_page(portal.settings).is_file() else "",
    }
    zone = chosen.tenant.time_zone
    return render(request, "quality.html", context, reading=reading, time_zone=zone, carried=chosen.query)


@router.get(PATH + "/{table}.csv")
def export(request: Request, table: str, asked: Asked, reading: ReadingNow) -> Response:
    """One table of the page."""
    if table not in TABLES:
        listed = ", ".join(TABLES)
        raise Problem(404, "unknown_table", f"The Data quality page has no table {table[:50]!r}: there is {listed}.")
    source = quality_source(the_portal(request), reading, asked)
    if source is None:
        raise Problem(404, "nothing_judged", "No checks have run yet: `almanac build` runs them.")
    span, tenant = source.selection.span, source.selection.tenant.tenant
    name = file_name("quality", table, tenant, span.first.isoformat(), span.last.isoformat())
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(table_csv(TABLES[table](source)), media_type="text/csv", headers=headers)


@router.get(DOCS_ADDRESS)
@router.get(DOCS_ADDRESS + "{name}")
def expected(request: Request, name: str = PAGE) -> FileResponse:
    """The page of expectations as it was last written, and its style."""
    page = docs_page(the_portal(request).settings)
    if name not in (PAGE, STYLE) or not page.is_file():
        raise Problem(404, "no_expectations", "The page of expectations is written when arrivals are first judged.")
    return FileResponse(page.with_name(name), headers={"Cache-Control": "no-cache"})


def quality_source(portal: Portal, reading: Reading, asked: Asked) -> QualitySource | None:
    """What a request asks for; None as long as nothing was judged. Raises Problem (400, 404)."""
    tenant = choose_tenant(asked.tenant, known_tenants(reading), default_tenant(portal))
    judged: tuple[date, date] | None = quality.extent(portal.settings)
    if judged is None:
        return None
    span, name = choose_span(asked, Extent(*judged, None))
    return QualitySource(portal, Selection(tenant, span, name, None))
