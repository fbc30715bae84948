"""What became of one event: not here yet, in the lake, refused, or counted by the published numbers."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from ingestion.lake import Lake
from ingestion.lake_find import Place, find
from serving.problems import NothingPublished
from serving.reading import Versions

State = Literal["unknown", "landed", "refused", "counted"]


@dataclass(frozen=True)
class Trace:
    """How far an event has come; `place` is its row in the lake, None as long as it is not there."""

    state: State
    place: Place | None = None


def trace(lake: Lake, versions: Versions, tenant: str, message_id: UUID) -> Trace:
    """Look for a message of the last two days in the lake, and then in the published version."""
    place = find(lake, tenant, message_id)
    if place is None:
        return Trace("unknown")
    if place.reasons:
        return Trace("refused", place)
    return Trace("counted" if _is_published(versions, tenant, message_id) else "landed", place)


def _is_published(versions: Versions, tenant: str, message_id: UUID) -> bool:
    try:
        with versions.reading() as reading:
            found = reading.rows(
                "select 1 from fact_events where tenant = ? and message_id = ? limit 1", [tenant, message_id]
            )
    except NothingPublished:
        return False
    return bool(found)
