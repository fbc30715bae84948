"""Data quality for programs: the same content as the page."""

from fastapi import APIRouter, Request

from almanac import quality
from almanac.quality import MODEL, SOURCE
from almanac.state import CheckFailure, QualityDay
from serving.answers import FailureAnswer, ProblemAnswer, QualityAnswer, QualityDayAnswer, QualitySubjectAnswer
from serving.catalogue import known_tenants
from serving.portal import ReadingNow, default_tenant, the_portal
from serving.quality import score_of
from serving.routes.quality import quality_source
from serving.selection import Asked, choose_tenant

router = APIRouter(
    prefix="/api/analytics",
    tags=["analytics"],
    responses={code: {"model": ProblemAnswer, "description": "Problem"} for code in (400, 404, 422, 503)},
)


@router.get("/data-quality")
def data_quality(request: Request, asked: Asked, reading: ReadingNow) -> QualityAnswer:
    """What the checks of all models and of a tenant's sources said over a range of UTC days."""
    portal = the_portal(request)
    source = quality_source(portal, reading, asked)
    if source is None:
        tenant = choose_tenant(asked.tenant, known_tenants(reading), default_tenant(portal))
        return QualityAnswer(tenant=tenant.tenant, first=None, last=None, subjects=[], failures=[], days=[])
    found, chosen = source.quality, source.selection
    return QualityAnswer(
        tenant=chosen.tenant.tenant,
        first=chosen.span.first,
        last=chosen.span.last,
        subjects=[
            QualitySubjectAnswer(**_day(one.newest).model_dump(), score_before=score_of(one.before))
            for kind in (SOURCE, MODEL)
            for one in found.of(kind)
        ],
        failures=[_failure(one) for one in found.failures],
        days=[_day(one) for one in found.days],
    )


def _day(day: QualityDay) -> QualityDayAnswer:
    return QualityDayAnswer(**quality.as_row(day) | {"failed_checks": [*day.failed, *day.warned]})


def _failure(one: CheckFailure) -> FailureAnswer:
    return FailureAnswer(
        check=one.name,
        subject_kind=one.kind,
        subject=one.subject,
        severity="error" if one.is_error else "warn",
        message=one.message,
        failed_at=one.failed_at,
        last_failed_at=one.last_failed_at,
        passed_at=one.passed_at,
        runbook=f"docs/runbooks/{quality.runbook_of(one)}",
    )
