"""People who were erased while events about them still lay in a log: these go as soon as they are in the lake.

A log lies with its collector, which may be on another machine than whoever erases. So it is the landing that looks,
after its commit, for erasures that its events can have missed. Whatever order both take, one of them sees the other: an
erasure is written down before it looks at the lake, and a landing is in the lake before it looks for erasures. Both
must share the application state.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from almanac.settings import Settings
from almanac.state import (
    Erasure,
    OtherSecret,
    StateDB,
    erasure_secret,
    erasures_after,
    has_state,
    open_state,
)
from ingestion.lake import Lake
from ingestion.lake_manifest import Entry
from ingestion.privacy.erasing import count_rows, counted_for, drop_rows
from ingestion.privacy.rows_about import ABOUT, events_of, refused_of
from ingestion.privacy.suppression import SuppressedPeople

# What came so long after the end of an erasure goes, too: clocks of two machines differ a little, and collectors follow
# a suppression that went with it only after some seconds.
MARGIN = timedelta(seconds=5)

_log = logging.getLogger("almanac.collector")


class ErasedSince:
    """Looks for erasures; belongs to one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state: StateDB | None = None

    def forget(self, lake: Lake, landed: Mapping[str, Collection[str]], first: datetime) -> None:
        """Erase from these landings (ids by tenant) who was erased after the `first` of their events came (aware).

        Raises AlmanacError if that cannot be known or done; then the same can be done again.
        """
        if self._state is None:
            if not has_state(self._settings):
                return  # nobody can have been erased yet
            self._state = open_state(self._settings)
        recent = erasures_after(self._state, first - MARGIN)
        for tenant in landed.keys() & {erasure.tenant for erasure in recent}:
            erasures = [
                (erasure, secret) for erasure in recent if erasure.tenant == tenant if (secret := self._secret(erasure))
            ]
            if erasures:
                _forget(self._state, lake, tenant, frozenset(landed[tenant]), erasures)

    def _secret(self, erasure: Erasure) -> bytes | None:
        """Its secret; None, and a word in the log, if that is another one now."""
        assert self._state is not None
        try:
            return erasure_secret(self._state, erasure, self._settings.suppression_secret)
        except OtherSecret as error:
            _log.error("events that landed now may be about people who were erased: %s", error)
            return None


def _forget(
    state: StateDB, lake: Lake, tenant: str, landed: frozenset[str], erasures: Collection[tuple[Erasure, bytes]]
) -> None:
    # What was refused may have been replayed before anybody looked.
    for erasure, people in _involved(lake, tenant, landed | _replays_of(lake, tenant, landed), erasures):
        _drop(state, lake, erasure, people, landed)


def _drop(state: StateDB, lake: Lake, erasure: Erasure, people: SuppressedPeople, landed: frozenset[str]) -> None:
    """Drop the rows of one erasure from these landings and from replays of what they brought."""
    until = (erasure.finished_at or datetime.now(UTC)) + MARGIN
    moment = until.astimezone(UTC).replace(tzinfo=None)

    def is_refused(row: Mapping[str, Any]) -> bool:
        return row["received_at"] <= moment and refused_of(people, row)

    def is_gone(row: Mapping[str, Any]) -> bool:
        came_in_time = row["received_at"] <= moment or str(row["file_id"]) in again
        return came_in_time and events_of(people, row)

    dropped = counted_for(state, erasure)
    drop_rows(lake, erasure.tenant, "quarantine", is_refused, among=partial(_holds, landed), dropped=dropped)
    again = _replays_of(lake, erasure.tenant, landed)  # from now on there can be no more of them
    drop_rows(lake, erasure.tenant, "events", is_gone, among=partial(_holds, landed | again), dropped=dropped)


def _replays_of(lake: Lake, tenant: str, landed: frozenset[str]) -> set[str]:
    """The landings that replayed something that was refused in these."""
    return {str(one.file_id) for place, one in lake.replayed(tenant).items() if str(place.file_id) in landed}


def _involved(
    lake: Lake, tenant: str, landed: Collection[str], erasures: Collection[tuple[Erasure, bytes]]
) -> list[tuple[Erasure, SuppressedPeople]]:
    """The erasures of which somebody is in these landings; the files are read once for all of them."""
    each = [(erasure, SuppressedPeople(tenant, secret, erasure.id_hashes)) for erasure, secret in erasures]
    secret = next(secret for _, secret in erasures)  # those of another one were left out
    anybody = SuppressedPeople(tenant, secret, frozenset().union(*(erasure.id_hashes for erasure, _ in erasures)))
    found: set[str] = set()
    for kind, about in ABOUT.items():

        def is_somebody(row: Mapping[str, Any], about: Any = about) -> bool:
            if not about(anybody, row):
                return False
            found.update(erasure.id for erasure, people in each if about(people, row))
            return True

        for entry in lake.entries(kind):
            if entry.tenant == tenant and _holds(landed, entry):
                count_rows(lake, entry, is_somebody)
    return [(erasure, people) for erasure, people in each if erasure.id in found]


def _holds(landed: Collection[str], entry: Entry) -> bool:
    return any(part in landed for part in entry.parts)
