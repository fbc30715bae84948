"""The Freshness page and its API: how long events are on their way to a tile, and whether that is what was promised."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from almanac.errors import AlmanacError
from expectations.promises_now import Freshness
from serving import formatting
from serving.answers import FreshnessAnswer, ProblemAnswer, PromiseAnswer, ReachAnswer
from serving.arrivals import Arrivals, read_arrivals
from serving.catalogue import Publication, known_tenants, publication
from serving.exports import file_name, table_csv
from serving.filters import filters
from serving.formatting import utc
from serving.freshness import Reach, by_kpi, by_promise, by_source, read_reach
from serving.portal import Portal, ReadingNow, address, default_tenant, render, the_portal
from serving.problems import Problem
from serving.reading import Reading
from serving.selection import Asked, Selection, choose_arrivals
from serving.tables import TableView

router = APIRouter()
PATH = "/freshness"


@dataclass(frozen=True)
class FreshnessSource:
    """What the page, its CSV files and the API are made from."""

    portal: Portal
    reading: Reading
    selection: Selection

    @cached_property
    def seen(self) -> Freshness:
        """The promises, and what waits. Raises Problem 503 if that cannot be seen now."""
        try:
            return self.portal.freshness.now()
        except AlmanacError as error:
            raise Problem(503, "freshness_unknown", f"{error}") from error

    @cached_property
    def arrivals(self) -> list[Arrivals]:
        """What arrived, by day and source."""
        return read_arrivals(self.reading, self.selection.tenant.tenant, self.selection.span)

    @cached_property
    def reach(self) -> list[Reach]:
        """How far each KPI reaches."""
        return read_reach(self.reading, self.selection.tenant.tenant)


TABLES: dict[str, Callable[[FreshnessSource], TableView]] = {
    "promises": lambda s: by_promise(s.seen.standings, s.selection.tenant.time_zone),
    "sources": lambda s: by_source(s.arrivals),
    "kpis": lambda s: by_kpi(s.reach),
}


@router.get(PATH, include_in_schema=False)
def show(request: Request, asked: Asked, reading: ReadingNow) -> HTMLResponse:
    """The way from event to tile of a tenant, the promises about it, and how far each KPI reaches."""
    source = _source(the_portal(request), reading, asked)
    chosen, published = source.selection, publication(reading)
    zone = chosen.tenant.time_zone
    context = {
        "title": "Freshness",
        "selection": chosen,
        "filters": filters(PATH, chosen, known_tenants(reading).values(), compares=False),
        "subtitle": f"{chosen.tenant.title}: {formatting.span(chosen.span.first, chosen.span.last)}",
        "steps": _steps(source, published),
        "as_of": formatting.moment(published.data_as_of, zone),
        "published_at": formatting.moment(published.published_at, zone),
        "broken": [one.promise.title for one in source.seen.standings if one.broken_since],
        "tables": {name: make(source) for name, make in TABLES.items()},
        "exports": {name: address(f"{PATH}/{name}.csv", chosen.query) for name in TABLES},
        "nothing_arrived": f"Nothing arrived {formatting.between(chosen.span.first, chosen.span.last)}.",
    }
    return render(request, "freshness.html", context, reading=reading, time_zone=zone, carried=chosen.query)


@router.get(PATH + "/{table}.csv", include_in_schema=False)
def export(request: Request, table: str, asked: Asked, reading: ReadingNow) -> Response:
    """One table of the page."""
    if table not in TABLES:
        listed = ", ".join(TABLES)
        raise Problem(404, "unknown_table", f"The Freshness page has no table {table[:50]!r}: there is {listed}.")
    source = _source(the_portal(request), reading, asked)
    span, tenant = source.selection.span, source.selection.tenant.tenant
    name = file_name("freshness", table, tenant, span.first.isoformat(), span.last.isoformat())
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(table_csv(TABLES[table](source)), media_type="text/csv", headers=headers)


@router.get(
    "/api/analytics/freshness",
    tags=["analytics"],
    responses={code: {"model": ProblemAnswer, "description": "Problem"} for code in (400, 404, 422, 503)},
)
def freshness(request: Request, asked: Asked, reading: ReadingNow) -> FreshnessAnswer:
    """Promises about freshness and how they stand, what waits, and how far each KPI of a tenant reaches."""
    source = _source(the_portal(request), reading, asked)
    tenant, published = source.selection.tenant.tenant, publication(reading)
    return FreshnessAnswer(
        tenant=tenant,
        data_as_of=utc(published.data_as_of),
        published_at=utc(published.published_at),
        waiting_since=source.seen.waiting.get(tenant),
        promises=[
            PromiseAnswer(
                promise=one.promise.name,
                title=one.promise.title,
                owner=one.promise.owner,
                max_wait_minutes=one.promise.max_wait_minutes,
                target=one.promise.target,
                kept=one.share,
                budget_left=one.budget_left,
                broken_since=one.broken_since,
                burning=list(one.burning),
                runbook=f"docs/runbooks/{one.promise.runbook}",
            )
            for one in source.seen.standings
        ],
        kpis=[ReachAnswer(kpi=one.kpi.kpi, newest_day=one.newest, days_behind=one.days_behind) for one in source.reach],
    )


def _steps(source: FreshnessSource, published: Publication) -> list[tuple[str, str, str]]:
    """The way of an event: name, how long or how many, and in words what that is."""
    accepted = sum(a.accepted for a in source.arrivals)
    within = sum(a.within_minute for a in source.arrivals)
    to_readers = formatting.duration(source.portal.freshness.on_the_way(published).total_seconds())
    steps = [("lake", formatting.share(within, accepted), "of the events of these days were in the lake in a minute")]
    steps.append(("published", to_readers, "from the newest arrival to published numbers"))
    since = source.seen.waiting.get(source.selection.tenant.tenant)
    if since is None:
        return [*steps, ("waiting", "Nothing", "waits for being published now")]
    waited = formatting.duration((datetime.now(UTC) - since).total_seconds())
    return [*steps, ("waiting", waited, "is what the oldest arrival has waited for being published")]


def _source(portal: Portal, reading: Reading, asked: Asked) -> FreshnessSource:
    """What a request asks for. Raises Problem (400, 404)."""
    return FreshnessSource(portal, reading, choose_arrivals(reading, asked, default_tenant(portal)))
