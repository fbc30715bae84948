"""People who were erased while events about them still lay in a log: these go as soon as they are in the lake.

A log lies with its collector, which may be on another machine than whoever erases. So it is the landing that looks,
after its commit, for erasures that its events can have missed. Whatever order both take, one of them sees the other: an
erasure is written down before it looks at the lake, and a landing is in the lake before it looks for erasures. Both
must share the application state. Who reads the log before that leaves out the same rows.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

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
from ingestion.lake_manifest import Entry, Kind
from ingestion.privacy.erasing import count_rows, counted_for, drop_rows
from ingestion.privacy.rows_about import ABOUT, events_of, which
from ingestion.privacy.suppression import SuppressedPeople

# What came so long after the end of an erasure goes, too: clocks of two machines differ a little, and collectors follow
# a suppression that went with it only after some seconds.
MARGIN = timedelta(seconds=5)

_log = logging.getLogger("almanac.collector")


class Going(NamedTuple):
    """An erasure, and whom it is about."""

    erasure: Erasure
    people: SuppressedPeople

    @property
    def until(self) -> datetime:
        """What came until then goes (aware, UTC)."""
        return (self.erasure.finished_at or datetime.now(UTC)) + MARGIN

    def takes(self, kind: Kind, row: Mapping[str, Any]) -> bool:
        """Whether an event or a refused one goes by it: it is about these people, and came in time."""
        return row["received_at"] <= self.until.astimezone(UTC).replace(tzinfo=None) and ABOUT[kind](self.people, row)


class ErasedSince:
    """Looks for erasures; belongs to one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state: StateDB | None = None
        self._people: dict[str, SuppressedPeople | None] = {}  # of erasures that somebody asked for

    def since(self, first: datetime) -> list[Going]:
        """The erasures that an event which came at `first` (aware) or later can have missed, and whom they are about.

        Raises AlmanacError if that cannot be known.
        """
        found = []
        for erasure in self._erasures(first):
            if erasure.id not in self._people:
                secret = self._secret(erasure)
                about = SuppressedPeople(erasure.tenant, secret, erasure.id_hashes) if secret else None
                self._people[erasure.id] = about
            if people := self._people[erasure.id]:
                found.append(Going(erasure, people))
        return found

    def forget(self, lake: Lake, landed: Mapping[str, Collection[str]], first: datetime) -> None:
        """Erase from these landings (ids by tenant) who was erased after the `first` of their events came (aware).

        Raises AlmanacError if that cannot be known or done; then the same can be done again.
        """
        recent = self._erasures(first)
        for tenant in landed.keys() & {erasure.tenant for erasure in recent}:
            erasures = [
                (erasure, secret) for erasure in recent if erasure.tenant == tenant if (secret := self._secret(erasure))
            ]
            if erasures and self._state is not None:
                _forget(self._state, lake, tenant, frozenset(landed[tenant]), erasures)

    def _erasures(self, first: datetime) -> list[Erasure]:
        if self._state is None:
            if not has_state(self._settings):
                return []  # nobody can have been erased yet
            self._state = open_state(self._settings)
        return erasures_after(self._state, first - MARGIN)

    def _secret(self, erasure: Erasure) -> bytes | None:
        """Its secret; None, and a word in the log, if that is another one now."""
        assert self._state is not None
        try:
            return erasure_secret(self._state, erasure, self._settings.suppression_secret)
        except OtherSecret as error:
            _log.error("events that were logged before may be about people who were erased: %s", error)
            return None


def staying(kind: Kind, rows: pa.Table, erasures: Collection[Going]) -> pa.Table:
    """The events or refused events that stay in the lake when they have landed; all are of one tenant."""
    own = [going for going in erasures if going.erasure.tenant in rows["tenant"][:1].to_pylist()]
    if not own:
        return rows

    def is_going(row: Mapping[str, Any]) -> bool:
        return any(going.takes(kind, row) for going in own)

    goes = [going for batch in rows.to_batches() for going in which(kind, batch, is_going)]
    return rows.filter(pa.array([not one for one in goes], pa.bool_()))


def _forget(
    state: StateDB, lake: Lake, tenant: str, landed: frozenset[str], erasures: Collection[tuple[Erasure, bytes]]
) -> None:
    # What was refused may have been replayed before anybody looked.
    for erasure, people in _involved(lake, tenant, landed | _replays_of(lake, tenant, landed), erasures):
        _drop(state, lake, erasure, people, landed)


def _drop(state: StateDB, lake: Lake, erasure: Erasure, people: SuppressedPeople, landed: frozenset[str]) -> None:
    """Drop the rows of one erasure from these landings and from replays of what they brought."""
    going = Going(erasure, people)

    def is_gone(row: Mapping[str, Any]) -> bool:
        return going.takes("events", row) or (str(row["file_id"]) in again and events_of(people, row))

    dropped = counted_for(state, erasure)
    drop_rows(
        lake,
        erasure.tenant,
        "quarantine",
        partial(going.takes, "quarantine"),
        among=partial(_holds, landed),
        dropped=dropped,
    )
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
