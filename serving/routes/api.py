"""The API: the numbers of the pages as JSON, with the same parameters and the same formatting."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from serving import formatting
from serving.answers import (
    ArrivalAnswer,
    CatalogueAnswer,
    ChangeAnswer,
    DriftAnswer,
    EventDayAnswer,
    EventsAnswer,
    FigureAnswer,
    HourAnswer,
    HoursAnswer,
    KpiAnswer,
    KpiSummary,
    PointAnswer,
    ProblemAnswer,
    PublicationAnswer,
    SeriesAnswer,
    TenantAnswer,
    ThresholdAnswer,
    ValueAnswer,
)
from serving.arrivals import read_accepted, read_arrivals, read_drift, read_quarantined
from serving.catalogue import Kpi, arrival_extents, known_tenants, kpis, publication, tenants
from serving.figures import Figure, compare
from serving.formatting import Number, Style
from serving.portal import ReadingNow, default_tenant, the_portal
from serving.problems import Problem
from serving.ranges import Extent, Span, TimeGrain, periods
from serving.reading import Reading
from serving.selection import Asked, Selection, choose_span, choose_tenant, select
from serving.values import ALL, Value, Values, read_hours, read_values

router = APIRouter(
    prefix="/api/analytics",
    tags=["analytics"],
    responses={code: {"model": ProblemAnswer, "description": "Problem"} for code in (400, 404, 422, 503)},
)


@router.get("/kpis")
def catalogue(reading: ReadingNow) -> CatalogueAnswer:
    """Every KPI of the catalogue and every tenant that has values."""
    return CatalogueAnswer(
        publication=_publication(reading),
        tenants=[
            TenantAnswer(
                tenant=t.tenant, title=t.title, time_zone=t.time_zone, currency=t.currency,
                first_day=t.extent.first, last_day=t.extent.last,
            )
            for t in tenants(reading).values()
        ],
        kpis=[_summary(k) for k in kpis(reading).values()],
    )  # fmt: skip


@router.get("/kpis/{kpi}")
def values_of_kpi(
    request: Request,
    kpi: str,
    asked: Asked,
    reading: ReadingNow,
    period: Annotated[TimeGrain, Query(description="Time grain of the series.")] = "day",
    group_by: Annotated[
        str | None, Query(alias="groupBy", max_length=63, description="A dimension of the KPI.")
    ] = None,
) -> KpiAnswer:
    """One KPI over a range: the figure that its tile shows, the compared one, and the series of the periods in it."""
    found = _kpi(reading, kpi)
    if period not in found.time_grains:
        raise Problem(400, "undeclared_time_grain", f"{kpi} declares {', '.join(found.time_grains)}, not {period}.")
    if group_by and group_by not in found.dimensions:
        raise Problem(
            400,
            "undeclared_dimension",
            f"{kpi} declares {', '.join(found.dimensions) or 'no dimension'}, not {group_by!r}.",
        )
    chosen = select(asked, tenants(reading), default_tenant(the_portal(request)))
    first = (chosen.previous or chosen.span).first.toordinal() - 62
    span = Span(date.fromordinal(max(1, first)), chosen.span.last)
    values = read_values(reading, chosen.tenant.tenant, [kpi], span, [group_by] if group_by else [])
    return _kpi_answer(reading, found, chosen, values, period, group_by)


@router.get("/kpis/{kpi}/hours")
def hours_of_kpi(request: Request, kpi: str, asked: Asked, reading: ReadingNow) -> HoursAnswer:
    """One KPI by hour of the tenant's local days; on a day of 25 hours one of them holds two."""
    found = _kpi(reading, kpi)
    if not found.is_hourly:
        hourly = ", ".join(name for name, one in kpis(reading).items() if one.is_hourly)
        raise Problem(400, "undeclared_time_grain", f"{kpi} has no values by hour; those that have: {hourly}.")
    chosen = select(asked, tenants(reading), default_tenant(the_portal(request)))
    style = found.style(chosen.tenant.currency)
    return HoursAnswer(
        kpi=kpi,
        title=found.title,
        unit=found.unit,
        currency=style.currency,
        tenant=chosen.tenant.tenant,
        time_zone=chosen.tenant.time_zone,
        first=chosen.span.first,
        last=chosen.span.last,
        publication=_publication(reading),
        hours=[
            HourAnswer(hour_start=start, **_value(above, below, value, is_complete, style).model_dump())
            for start, above, below, value, is_complete in read_hours(reading, chosen.tenant.tenant, kpi, chosen.span)
        ],
    )


@router.get("/events")
def events(request: Request, asked: Asked, reading: ReadingNow) -> EventsAnswer:
    """What arrived of a tenant over a range of days."""
    tenant = choose_tenant(asked.tenant, known_tenants(reading), default_tenant(the_portal(request)))
    first, last = arrival_extents(reading).get(tenant.tenant, (tenant.extent.first, tenant.extent.last))
    span, _ = choose_span(asked, Extent(first, last, None))
    return EventsAnswer(
        tenant=tenant.tenant,
        first=span.first,
        last=span.last,
        publication=_publication(reading),
        reconciliation=[ArrivalAnswer(**asdict(a)) for a in read_arrivals(reading, tenant.tenant, span)],
        accepted=_by_day(read_accepted(reading, tenant.tenant, span)),
        quarantined=_by_day(read_quarantined(reading, tenant.tenant, span)),
        drift=[DriftAnswer(**asdict(d)) for d in read_drift(reading, tenant.tenant, span)],
    )


def _kpi(reading: Reading, name: str) -> Kpi:
    found = kpis(reading).get(name)
    if found is None:
        raise Problem(404, "unknown_kpi", f"No KPI is called {name[:50]!r}: there is {', '.join(kpis(reading))}.")
    return found


def _kpi_answer(
    reading: Reading, kpi: Kpi, chosen: Selection, values: Values, period: TimeGrain, group_by: str | None
) -> KpiAnswer:
    style = kpi.style(chosen.tenant.currency)
    compared = compare(values, kpi, chosen.tenant, chosen.span, chosen.previous)
    change = compared.change
    return KpiAnswer(
        kpi=kpi.kpi,
        title=kpi.title,
        unit=kpi.unit,
        currency=style.currency,
        tenant=chosen.tenant.tenant,
        first=chosen.span.first,
        last=chosen.span.last,
        period=period,
        group_by=group_by,
        publication=_publication(reading),
        figure=_figure(compared.now, style),
        compared=_figure(compared.before, style),
        change=ChangeAnswer(formatted=change.text, tone=change.tone, reason=change.reason) if change else None,
        series=_series(kpi, values, chosen.span, period, group_by or ALL, style),
    )


def _series(
    kpi: Kpi, values: Values, span: Span, period: TimeGrain, dimension: str, style: Style
) -> list[SeriesAnswer]:
    whole = set(periods(span, period))
    groups: dict[str, list[PointAnswer]] = {}
    for value in values.of(kpi.kpi, period, span, dimension):
        if value.period_start in whole:
            groups.setdefault(value.dimension_value, []).append(_point(value, style))
    return [SeriesAnswer(group=name, points=points) for name, points in sorted(groups.items())]


def _point(value: Value, style: Style) -> PointAnswer:
    stored = _value(value.numerator, value.denominator, value.value, value.is_complete, style)
    return PointAnswer(period_start=value.period_start, **stored.model_dump())


def _figure(figure: Figure | None, style: Style) -> FigureAnswer | None:
    if figure is None or not figure.has_rows:
        return None
    stored = _value(figure.parts.numerator, figure.parts.denominator, figure.value, figure.is_complete, style)
    return FigureAnswer(
        first=figure.span.first,
        last=figure.span.last,
        period=figure.time_grain or "total",
        label=figure.label,
        **stored.model_dump(),
    )


def _value(
    numerator: Decimal | None, denominator: Decimal | None, value: Number | None, is_complete: bool, style: Style
) -> ValueAnswer:
    numbers: list[Any] = [None if n is None else float(n) for n in (numerator, denominator, value)]
    return ValueAnswer(
        numerator=numbers[0],
        denominator=numbers[1],
        value=numbers[2],
        formatted=formatting.exact(value, style),
        is_complete=is_complete,
    )


def _publication(reading: Reading) -> PublicationAnswer:
    now = publication(reading)
    return PublicationAnswer(
        id=now.id, published_at=formatting.utc(now.published_at), data_as_of=formatting.utc(now.data_as_of)
    )


def _summary(kpi: Kpi) -> KpiSummary:
    return KpiSummary(
        kpi=kpi.kpi,
        title=kpi.title,
        description=kpi.description,
        owner=kpi.owner,
        unit=kpi.unit,
        direction="up_is_good" if kpi.up_is_good else "down_is_good",
        formula=kpi.formula,
        numerator=kpi.numerator_label,
        denominator=kpi.denominator_label or None,
        is_additive=kpi.is_additive,
        time_grains=[*["hour"] * kpi.is_hourly, *kpi.time_grains],
        dimensions=list(kpi.dimensions),
        target=kpi.target,
        threshold=_threshold(kpi),
        checks_passed=len(kpi.checks) - len(kpi.failed_checks),
        checks=len(kpi.checks),
    )


def _threshold(kpi: Kpi) -> ThresholdAnswer | None:
    own = kpi.threshold
    return ThresholdAnswer(**own.model_dump(), formatted=kpi.threshold_text) if own else None


def _by_day(counts: Mapping[str, Mapping[date, int]]) -> list[EventDayAnswer]:
    return [EventDayAnswer(event=name, day=day, events=n) for name, days in counts.items() for day, n in days.items()]
