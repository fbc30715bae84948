"""The Events page: what arrived, what was refused and why, and that nothing is silently lost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from serving import event_tables as tables
from serving import formatting
from serving.arrivals import (
    TERMS,
    Arrivals,
    read_accepted,
    read_arrivals,
    read_drift,
    read_quarantined,
    read_reasons,
    read_rejected,
)
from serving.cards import ChartView
from serving.catalogue import known_tenants, publication
from serving.exports import file_name, table_csv
from serving.filters import filters
from serving.portal import Portal, ReadingNow, default_tenant, render, the_portal
from serving.problems import Problem
from serving.reading import Reading
from serving.selection import Asked, Selection, choose_arrivals
from serving.tables import TableView

router = APIRouter(include_in_schema=False)

MEANING = {
    "received": "Counted at the door, before anything was judged",
    "accepted": "Valid and the first copy: these are what the KPIs count",
    "duplicate": "Further copies of an accepted event",
    "quarantined": "Refused, with the reason; can be replayed",
    "suppressed": "Dropped by a privacy rule",
    "erased": "Removed later on a person's request",
}

DELAYS = (("a minute", "within_minute"), ("an hour", "within_hour"), ("a day", "within_day"))


@dataclass(frozen=True)
class EventSource:
    """What the page and its CSV files are made from."""

    reading: Reading
    selection: Selection

    @cached_property
    def arrivals(self) -> list[Arrivals]:
        """Reconciliation by day and source."""
        return read_arrivals(self.reading, self.selection.tenant.tenant, self.selection.span)

    @cached_property
    def accepted(self) -> dict[str, dict[date, int]]:
        """Accepted events by event and local day."""
        return read_accepted(self.reading, self.selection.tenant.tenant, self.selection.span)

    @cached_property
    def quarantined(self) -> dict[str, dict[date, int]]:
        """Quarantined events by event and UTC day of arrival."""
        return read_quarantined(self.reading, self.selection.tenant.tenant, self.selection.span)

    def rejected(self) -> TableView:
        """The last refused events."""
        tenant = self.selection.tenant
        return tables.rejected(read_rejected(self.reading, tenant.tenant), tenant.time_zone)

    def drifted(self) -> TableView:
        """Properties that came otherwise than before."""
        return tables.drifted(read_drift(self.reading, self.selection.tenant.tenant, self.selection.span))

    def reasons(self) -> TableView:
        """Why events were quarantined."""
        return tables.by_reason(read_reasons(self.reading, self.selection.tenant.tenant, self.selection.span))


TABLES: dict[str, Callable[[EventSource], TableView]] = {
    "by_event": lambda s: tables.by_event(s.accepted, s.quarantined),
    "reasons": EventSource.reasons,
    "accepted_by_day": lambda s: tables.by_day(s.accepted, "Day of the event"),
    "quarantined_by_day": lambda s: tables.by_day(s.quarantined, "Day of arrival (UTC)"),
    "reconciliation": lambda s: tables.reconciliation(s.arrivals),
    "rejected": EventSource.rejected,
    "drift": EventSource.drifted,
}


@router.get("/events")
def show(request: Request, asked: Asked, reading: ReadingNow) -> HTMLResponse:
    """Counts, reconciliation and rejections of a tenant over a range of days."""
    source = _source(the_portal(request), reading, asked)
    chosen = source.selection
    published = publication(reading)
    as_of = published.data_as_of
    zone = chosen.tenant.time_zone
    received = tables.total(source.arrivals, "received")
    days_off = [a for a in source.arrivals if a.difference]
    charts = {
        "accepted": _chart("Accepted events", source.accepted, chosen, as_of),
        "quarantined": _chart("Quarantined events", source.quarantined, chosen, as_of),
    }
    context = {
        "title": "Events",
        "selection": chosen,
        "filters": filters(request.url.path, chosen, known_tenants(reading).values(), compares=False),
        "subtitle": f"{chosen.tenant.title}: {formatting.span(chosen.span.first, chosen.span.last)}",
        "terms": [(t, formatting.count(tables.total(source.arrivals, t)), MEANING[t]) for t in TERMS],
        "received": received,
        "difference": tables.total(source.arrivals, "difference"),
        "days_off": [formatting.day(a.received_date) for a in days_off],
        "late": formatting.count(tables.total(source.arrivals, "late")),
        "late_share": formatting.share(
            tables.total(source.arrivals, "late"), tables.total(source.arrivals, "accepted")
        ),
        "delays": [(name, _delay(source.arrivals, term)) for name, term in DELAYS],
        "as_of": formatting.moment(as_of, zone),
        "published_at": formatting.moment(published.published_at, zone),
        "to_published": formatting.duration(the_portal(request).freshness.on_the_way(published).total_seconds()),
        "charts": charts,
        "tables": {name: tables.shortened(make(source)) for name, make in TABLES.items()},
        "nothing_arrived": f"Nothing arrived {formatting.between(chosen.span.first, chosen.span.last)}.",
        "nothing_happened": f"No event happened {formatting.between(chosen.span.first, chosen.span.last)}.",
        "base": request.url.path,
    }
    return render(request, "events.html", context, reading=reading, time_zone=zone, carried=chosen.query)


@router.get("/events/{table}.csv")
def export(request: Request, table: str, asked: Asked, reading: ReadingNow) -> Response:
    """One table of the page."""
    if table not in TABLES:
        raise Problem(
            404, "unknown_table", f"The Events page has no table {table[:50]!r}: there is {', '.join(TABLES)}."
        )
    source = _source(the_portal(request), reading, asked)
    span, tenant = source.selection.span, source.selection.tenant.tenant
    name = file_name("events", table, tenant, span.first.isoformat(), span.last.isoformat())
    content = table_csv(TABLES[table](source))
    return Response(content, media_type="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _source(portal: Portal, reading: Reading, asked: Asked) -> EventSource:
    return EventSource(reading, choose_arrivals(reading, asked, default_tenant(portal)))


def _chart(title: str, counts: tables.ByDay, chosen: Selection, as_of: datetime) -> ChartView | None:
    # The day of the newest data is not over yet, in any time zone.
    return tables.count_chart(title, tables.day_sums(counts), chosen.span, date.fromordinal(as_of.toordinal() - 1))


def _delay(arrivals: list[Arrivals], term: str) -> str:
    return formatting.share(tables.total(arrivals, term), tables.total(arrivals, "accepted"))
