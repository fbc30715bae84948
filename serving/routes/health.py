"""Whether the portal runs, and whether it has numbers to show."""

from typing import Any

from fastapi import APIRouter

from serving.catalogue import publication
from serving.portal import ReadingNow

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/ready")
def ready(reading: ReadingNow) -> dict[str, Any]:
    """A published version can be read; 503 `nothing_published` if there is none yet."""
    now = publication(reading)
    return {"status": "ready", "version": reading.version.id, "data_as_of": f"{now.data_as_of.isoformat()}Z"}
