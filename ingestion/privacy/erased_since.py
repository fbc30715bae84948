"""People who were erased while events about them still lay in a log: these go as soon as they are in the lake.

A log lies with its collector, which may be on another machine than whoever erases. So it is the landing that looks,
after its commit, for erasures that its events can have missed. Whatever order both take, one of them sees the other: an
erasure is written down before it looks at the lake, and a landing is in the lake before it looks for erasures.
"""

from datetime import UTC, datetime

from almanac.settings import Settings
from almanac.state import StateDB, add_to_erasure, erasure_secret, erasures_after, has_state, open_state
from ingestion.lake import Lake
from ingestion.privacy.erasing import erase_landed
from ingestion.privacy.suppression import SuppressedPeople


class ErasedSince:
    """Looks for erasures; belongs to one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state: StateDB | None = None

    def forget(self, lake: Lake, tenant: str, file_ids: tuple[str, ...], first: datetime) -> None:
        """Erase from these landings who was erased after the `first` of their events came (aware).

        Raises AlmanacError if that cannot be known or done; then the same can be done again.
        """
        settings = self._settings
        if self._state is None:
            if not has_state(settings):
                return  # nobody can have been erased yet
            self._state = open_state(settings)
        for erasure in erasures_after(self._state, first):
            if erasure.tenant != tenant:
                continue
            secret = erasure_secret(self._state, erasure, settings.suppression_secret)
            people = SuppressedPeople(tenant, secret, erasure.id_hashes)
            gone = erase_landed(lake, tenant, people, file_ids, erasure.finished_at or datetime.now(UTC))
            if gone.events or gone.refused:
                add_to_erasure(self._state, erasure, events=gone.events, refused=gone.refused)
