"""A copy of all suppressed ids in memory that is never older than a few seconds, like that of the write keys."""

import asyncio
import logging
from collections.abc import Callable, Hashable

from almanac.errors import AlmanacError
from almanac.state import SuppressedIds
from ingestion.privacy.suppression import SuppressedPeople, Suppression

REFRESH_SECONDS = 2.0

_log = logging.getLogger("almanac.collector")


class SuppressionRing:
    """Who is suppressed, read again when `version` says that it changed, by a task of the running event loop.

    While the application state cannot be read the last copy holds: it only ever drops too little for a while, and the
    write keys, which lie beside it, soon stop being valid.
    """

    def __init__(self, version: Callable[[], Hashable], load: Callable[[], SuppressedIds]) -> None:
        """Read the ids. Raises AlmanacError if they cannot be read or not be recognised."""
        self._version = version
        self._load = load
        self._seen = version()
        self._suppression = Suppression(load())
        self._task: asyncio.Task[None] | None = None

    def of(self, tenant: str) -> SuppressedPeople | None:
        """The suppressed people of a tenant, or None where there is nobody."""
        return self._suppression.of(tenant)

    def mentioned_in(self, tenant: str, raw: bytes) -> bool:
        """Whether bytes name a suppressed person of a tenant."""
        people = self.of(tenant)
        return people is not None and people.mentioned_in(raw)

    async def start(self) -> None:
        """Begin to look for changes again and again."""
        self._task = asyncio.create_task(self._keep_fresh())

    async def stop(self) -> None:
        """End the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await asyncio.to_thread(self.refresh)
            except AlmanacError as error:
                _log.warning("suppressed ids were not read again, because %s", error)

    def refresh(self) -> None:
        """Read the ids again if they changed. Raises AlmanacError; the former copy holds then."""
        version = self._version()
        if version != self._seen:
            self._suppression = Suppression(self._load())
            self._seen = version
