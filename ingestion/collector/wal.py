"""The write-ahead log: what was answered with success is on the disk, whatever happens to this process.

Requests wait while their records are written; all that wait at the same moment share one fdatasync (group commit). It
runs in a thread of its own, and what arrives meanwhile forms the next group.
"""

import asyncio
import errno
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ingestion.collector.log_files import LogFile, Sync, has_room, mend
from ingestion.collector.problems import Problem, unavailable
from ingestion.collector.reserve import Reserve

FILE_BYTES = 48 * 1024 * 1024  # a file of this size is sealed at once; about 50,000 events
GROUP_BYTES = 16 * 1024 * 1024
WAITING_BYTES = 64 * 1024 * 1024
BACKLOG_BYTES = 4 * 1024 * 1024 * 1024
LOOK_BYTES = 1024 * 1024  # after so much was written, look again how full the disk is

_log = logging.getLogger("almanac.collector")


class Trouble(NamedTuple):
    """Why nothing can be accepted, and after how many seconds a client should ask again."""

    code: str
    message: str
    seconds: int

    def problem(self) -> Problem:
        """The answer to one request."""
        return unavailable(self.code, self.message, self.seconds)


STORAGE_ERROR = Trouble("storage_error", "The log cannot be written at the moment. Send the request again.", 5)
STORAGE_FULL = Trouble("storage_full", "There is no room for more events at the moment. Send the request again.", 30)
OVERLOADED = Trouble("overloaded", "The disk is slower than what arrives. Send the request again.", 1)
DRAINING = Trouble("draining", "The collector is about to end. Send the request again.", 5)


class Wal:
    """The log in one folder, which belongs to this process alone (the caller holds the folder's lock).

    `append` belongs to the event loop; `seal`, `try_again` and `remove` to the thread that lands. What writes to the
    disk happens in one further thread, so that nothing needs a lock.
    """

    def __init__(self, folder: Path, *, sync: Sync = os.fdatasync, file_bytes: int = FILE_BYTES) -> None:
        """Mend what an earlier process left, and begin a new file. Raises OSError if the folder cannot be written."""
        self.folder = folder
        self.on_sealed: Callable[[], None] = lambda: None
        self.on_committed: Callable[[int, int, float], None] = lambda _requests, _bytes, _seconds: None
        self._sync = sync
        self._file_bytes = file_bytes
        self._run = time.time_ns() // 1000
        self._sequence = 0
        self._sealed = {path: path.stat().st_size for path in mend(folder)}
        self._waiting: deque[tuple[bytes, asyncio.Future[None]]] = deque()
        self._waiting_bytes = 0
        self._is_committing = False
        self._trouble: Trouble | None = None
        self._unwatched_bytes = 0
        self._reserve = Reserve(folder)
        if not self._reserve.take():
            _log.warning("there is no room for a reserve in %s: free some disk space", folder)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="wal")
        self._file = self._new_file()

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing can be accepted at the moment, or None."""
        return self._trouble

    async def append(self, record: bytes) -> None:
        """Return when the record is on the disk. Raises Problem (503) if it is not; then it was not accepted."""
        await self.enter(record)

    def enter(self, record: bytes) -> "asyncio.Future[None]":
        """The same as a future to be awaited. Raises Problem (503) at once if nothing can be accepted."""
        if self._trouble is not None:
            raise self._trouble.problem()
        if self._waiting_bytes > WAITING_BYTES:
            raise OVERLOADED.problem()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((record, done))
        self._waiting_bytes += len(record)
        if not self._is_committing:
            # Not before the requests that are ready in this very turn of the loop could join.
            self._is_committing = True
            loop.call_soon(self._commit)
        return done

    def sealed(self) -> list[Path]:
        """The files that can be landed, oldest first."""
        return list(self._sealed)

    @property
    def backlog_bytes(self) -> int:
        """How much waits to be landed, in sealed files."""
        return sum(list(self._sealed.values()))  # a copy: other threads add and remove

    def seal(self) -> None:
        """Close the current file if it holds anything, and begin the next. To be called from another thread."""
        self._worker.submit(self._rotate).result()

    def remove(self, path: Path) -> None:
        """Forget a file that is landed."""
        path.unlink(missing_ok=True)
        self._sealed.pop(path, None)

    def try_again(self) -> None:
        """Begin a new file if there was trouble; without effect as long as the trouble lasts."""
        if self._trouble is not None:
            self._worker.submit(self._recover).result()

    def close(self) -> None:
        """Accept nothing more, and seal the current file."""
        self._worker.submit(self._finish).result()
        self._worker.shutdown()

    def _commit(self) -> None:
        """Write what waits, as one group. In the event loop."""
        group: list[bytes] = []
        waiters: list[asyncio.Future[None]] = []
        size = 0
        while self._waiting and size < GROUP_BYTES:
            record, done = self._waiting.popleft()
            group.append(record)
            waiters.append(done)
            size += len(record)
        self._waiting_bytes -= size
        loop = asyncio.get_running_loop()
        try:
            self._worker.submit(self._write_for, group, lambda error: _tell(loop, self._committed, waiters, error))
        except RuntimeError:  # the log was closed meanwhile
            _fail([*waiters, *(done for _, done in self._waiting)])
            self._waiting.clear()

    def _committed(self, waiters: list[asyncio.Future[None]], error: Exception | None) -> None:
        """Tell those who wait, then write the next group. In the event loop."""
        if error is None:
            for done in waiters:
                if not done.done():  # a request may have been given up meanwhile
                    done.set_result(None)
        else:
            if not isinstance(error, OSError):
                _log.error("the log failed in an unexpected way", exc_info=error)
            _fail(waiters)
        if self._waiting:
            # Not before those who were just told could send their next: fewer and larger groups cost less.
            asyncio.get_running_loop().call_soon(self._commit)
        else:
            self._is_committing = False

    # What follows runs in the writing thread.

    def _write_for(self, group: list[bytes], tell: Callable[[Exception | None], None]) -> None:
        # As `run_in_executor` does it, at a third of the cost: there is one waiter, and it is never cancelled.
        try:
            self._write(group)
        except Exception as error:
            tell(error)
        else:
            tell(None)

    def _write(self, group: list[bytes]) -> None:
        if self._trouble is not None:
            raise OSError(self._trouble.message)
        began = time.perf_counter()
        try:
            size = self._file.append(group)
        except OSError as error:
            # The system reports a failed write of a page once and then calls the page clean: to sync again would
            # "succeed" without the data. So nothing is accepted until a new file can be written.
            self._trouble = STORAGE_ERROR
            _log.error("%s cannot be written: %s; answering 503 until it can", self._file.path, error.strerror or error)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._reserve.give_up()
            raise
        self.on_committed(len(group), size, time.perf_counter() - began)
        self._unwatched_bytes += size
        if self._file.durable >= self._file_bytes:
            self._rotate()
        elif self._unwatched_bytes > LOOK_BYTES:
            self._watch_room()

    def _rotate(self) -> None:
        if self._trouble is not None:
            return
        if not self._file.is_empty:
            full = self._file
            try:
                self._file = self._new_file()
            except OSError as error:
                _log.error("no new log file: %s; the current one goes on", error.strerror or error)
                return
            self._retire(full)
            self.on_sealed()
        self._watch_room()

    def _watch_room(self) -> None:
        """Refuse before the disk is full, while there is room to land what was accepted."""
        self._unwatched_bytes = 0
        if not self._has_room():
            self._trouble = STORAGE_FULL
            self._reserve.give_up()
            _log.error("%s bytes wait to be landed, or the disk is nearly full: answering 503", self.backlog_bytes)

    def _has_room(self) -> bool:
        return self.backlog_bytes <= BACKLOG_BYTES and has_room(self.folder)

    def _recover(self) -> None:
        try:
            if not (self._has_room() and self._reserve.take()):
                return
            if not self._has_room():  # with the reserve
                self._reserve.give_up()
                return
            self._file.trim()
            fresh = self._new_file()
        except OSError:
            return
        self._retire(self._file)
        self._file = fresh
        self._trouble = None
        _log.warning("the log can be written again: accepting events")

    def _finish(self) -> None:
        failed = self._trouble is STORAGE_ERROR
        self._trouble = DRAINING
        self._reserve.give_up()  # for the last landings; the next start takes it again
        try:
            if failed:
                self._file.trim()
        except OSError as error:
            _log.error("%s stays for the next start to mend: %s", self._file.path.name, error.strerror or error)
            return
        self._retire(self._file)

    def _retire(self, file: LogFile) -> None:
        """Close a file; if it holds anything it waits to be landed."""
        if not file.is_empty:
            self._sealed[file.path] = file.durable
        file.close()

    def _new_file(self) -> LogFile:
        self._sequence += 1
        return LogFile(self.folder / f"wal-{self._run}-{self._sequence:06d}.log", self._sync)


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    """Call something in an event loop, from another thread."""
    with suppress(RuntimeError):  # a loop that has ended has nobody left who waits
        loop.call_soon_threadsafe(call, *arguments)


def _fail(waiters: list[asyncio.Future[None]]) -> None:
    for done in waiters:
        if not done.done():
            done.set_exception(STORAGE_ERROR.problem())
