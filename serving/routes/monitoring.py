"""What whoever runs the installation asks: how its parts are, and what failed lately."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from serving.monitoring import Failure, Health, failures, health
from serving.portal import the_portal

router = APIRouter(prefix="/api/admin/monitoring", tags=["monitoring"])


@router.get("/health")
def monitoring_health(request: Request) -> Health:
    """Every part of the installation with its state, what was seen, what to do, and since when.

    Answers 200 whatever the state is: it is `/health/ready` that load balancers ask.
    """
    return health(the_portal(request).settings, datetime.now(UTC))


@router.get("/errors")
def monitoring_errors(
    request: Request, days: Annotated[int, Query(ge=1, le=366, description="How far to look back.")] = 30
) -> list[Failure]:
    """What failed lately, grouped by cause, what is still open first."""
    return failures(the_portal(request).settings, datetime.now(UTC), days)
