"""What became of one event: not here yet, acknowledged, in the lake, refused, or counted by the published numbers."""

import threading
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.lake_find import Place, find, find_in_tail
from ingestion.lake_tail import LakeTail
from ingestion.privacy.erased_since import ErasedSince
from serving.problems import NothingPublished
from serving.reading import Versions

State = Literal["unknown", "acknowledged", "landed", "refused", "counted"]


@dataclass(frozen=True)
class Trace:
    """How far an event has come; `place` is where it lies, None if it is not here."""

    state: State
    place: Place | None = None


class Arrived:
    """What has arrived, landed or not. Requests take turns: the tail of the log is read on from where it was left."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self._lake = lake
        self._tail = LakeTail(lake, settings.log_dir, erased=ErasedSince(settings))
        self._lock = threading.Lock()

    def find(self, tenant: str, message_id: UUID) -> Place | None:
        """A message of the last two days, or None. Raises AlmanacError or OSError if log or lake cannot be read."""
        with self._lock:
            # The log first: what is landed between the two looks is found by the second one.
            waiting = find_in_tail(self._tail, tenant, message_id)
        return find(self._lake, tenant, message_id) or waiting


def trace(arrived: Arrived, versions: Versions, tenant: str, message_id: UUID) -> Trace:
    """Look for a message of the last two days where it arrived, and then in the published version."""
    place = arrived.find(tenant, message_id)
    if place is None:
        return Trace("unknown")
    if place.reasons:
        return Trace("refused", place)
    if not place.path:
        return Trace("acknowledged", place)
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
