"""The collector's signs of life, twice a minute, for whoever watches over an installation."""

import asyncio
import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from almanac.errors import AlmanacError
from almanac.state import CollectorSign, StateDB, forget_collector, give_sign

SECONDS = 30.0

_log = logging.getLogger("almanac.collector")


class Signs:
    """Gives signs by a task of the running event loop; one that cannot be given disturbs nothing."""

    def __init__(self, state: StateDB, log_folder: Path, status: Callable[[], dict[str, Any]]) -> None:
        """`status` is what the collector tells monitors of its landing."""
        self._state = state
        self._place = f"{socket.gethostname()}:{log_folder.resolve()}"[-512:]
        self._status = status
        self._task: asyncio.Task[None] | None = None

    async def start(self, address: str, trouble: Callable[[], str]) -> None:
        """Give the first sign, and go on. `trouble` is the code of why nothing is taken, empty if events are."""
        self._task = asyncio.create_task(self._go_on(address, trouble))

    async def stop(self) -> None:
        """End the task, and let nobody wait for a further sign."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await asyncio.to_thread(_or_warn, partial(forget_collector, self._state, self._place))

    async def _go_on(self, address: str, trouble: Callable[[], str]) -> None:
        # One that was killed here may have left a sign, and took nothing since.
        await asyncio.to_thread(_or_warn, partial(forget_collector, self._state, self._place))
        while True:
            await asyncio.to_thread(_or_warn, partial(give_sign, self._state, self._sign(address, trouble())))
            await asyncio.sleep(SECONDS)

    def _sign(self, address: str, trouble: str) -> CollectorSign:
        now, status = datetime.now(UTC), self._status()
        return CollectorSign(
            place=self._place,
            address=address,
            seen_at=now,
            trouble=trouble,
            since=now,
            waiting_files=status["waiting_files"],
            failing_files=status["failing_files"],
            damaged_files=status["damaged_files"],
        )


def _or_warn(give: Callable[[], None]) -> None:
    try:
        give()
    except AlmanacError as error:
        _log.warning("no sign of life was given, because %s", error)
