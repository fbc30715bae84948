"""From the log to the lake: each minute the current log file is sealed, landed, and only then deleted.

A file is sealed earlier when it holds about as many events as a file of the lake should (`wal.FILE_BYTES`). How it is
landed says `land_log.py`; a crash at any point is repaired by doing the same again.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from almanac.errors import AlmanacError
from ingestion.collector.log_files import damaged_files
from ingestion.collector.wal import Wal

FLUSH_SECONDS = 60.0  # younger events are read from the log (`ingestion/lake_tail.py`)
DRAIN_SECONDS = 8.0
LONGEST_PAUSE = 60.0

_log = logging.getLogger("almanac.collector")


@dataclass
class _Failure:
    """A log file that could not be landed: how often, and when to try again (monotonic seconds)."""

    times: int = 0
    next_at: float = 0.0


class Flusher:
    """Seals and lands in a thread of its own, from `start` to `stop`; `each_time` is called after every round."""

    def __init__(
        self,
        wal: Wal,
        land: Callable[[Path], tuple[int, int]],
        seconds: float = FLUSH_SECONDS,
        each_time: Callable[[], None] | None = None,
    ) -> None:
        """`land` lands one log file (`land_log.land_file`, or the same in another process)."""
        self._wal = wal
        self._land_path = land
        self._seconds = seconds
        self._each_time = each_time
        self._then: Callable[[], None] | None = None
        self._failures: dict[Path, _Failure] = {}
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
        self.accepted = 0
        self.quarantined = 0
        self.landed_at: datetime | None = None

    def start(self) -> None:
        """Begin; what an earlier process left is landed first."""
        self._wal.on_sealed = self._wake.set
        self._thread.start()

    def land_now(self, then: Callable[[], None]) -> None:
        """Seal the log and land it without waiting, then call `then` in the thread that lands."""
        self._then = then
        self._wake.set()

    def stop(self) -> None:
        """Accept no more, land what is left as far as `DRAIN_SECONDS` allow (the next start lands the rest)."""
        self._ending.set()
        self._wake.set()
        self._thread.join()
        self._wal.close()
        self._land(until=time.monotonic() + DRAIN_SECONDS)
        self._after_round()
        left = len(self._wal.sealed())
        if left:
            _log.warning("%d log files stay for the next start to land", left)

    def status(self) -> dict[str, object]:
        """How far landing has come since the start, for people and monitors."""
        return {
            "waiting_files": len(self._wal.sealed()),
            "waiting_bytes": self._wal.backlog_bytes,
            "failing_files": len(self._failures),
            "damaged_files": damaged_files(self._wal.folder),
            "accepted_events": self.accepted,
            "quarantined_events": self.quarantined,
            "landed_at": self.landed_at.isoformat(timespec="milliseconds") if self.landed_at else None,
        }

    def _run(self) -> None:
        self._land()
        seal_at = time.monotonic() + self._seconds
        while not self._ending.is_set():
            # Woken early by a file that was sealed for its size.
            self._wake.wait(max(0.0, seal_at - time.monotonic()))
            self._wake.clear()
            if self._ending.is_set():
                return
            self._wal.try_again()
            # Taken before the log is sealed: what was answered before it was asked for is landed before it is done.
            then, self._then = self._then, None
            if then is not None or time.monotonic() >= seal_at:
                self._wal.seal()
                seal_at = time.monotonic() + self._seconds
            self._land()
            self._after_round()
            if then is not None:
                self._do(then)

    def _after_round(self) -> None:
        try:
            if self._each_time is not None:
                self._each_time()
        except OSError as error:
            _log.warning("what follows a landing was not done: %s", error)
        except Exception:
            # Whatever it is, the landing has to go on.
            _log.exception("what follows a landing was not done because of a mistake in this program")

    def _do(self, then: Callable[[], None]) -> None:
        try:
            then()
        except Exception:
            _log.exception("what was to follow a landing was not done because of a mistake in this program")

    def _land(self, until: float = float("inf")) -> None:
        for path in self._wal.sealed():
            now = time.monotonic()
            if now > until:
                return
            failure = self._failures.get(path)
            if failure is None or now >= failure.next_at or until != float("inf"):
                self._land_one(path)

    def _land_one(self, path: Path) -> None:
        try:
            accepted, quarantined = self._land_path(path)
            self._wal.remove(path)
        except (AlmanacError, OSError, ValueError) as error:
            self._note_failure(path, error)
        except Exception as error:
            # One file that nobody can land must not keep all others from being landed.
            _log.exception("%s was not landed because of a mistake in this program", path.name)
            self._note_failure(path, error)
        else:
            self._failures.pop(path, None)
            self.accepted += accepted
            self.quarantined += quarantined
            self.landed_at = datetime.now(UTC)

    def _note_failure(self, path: Path, error: Exception) -> None:
        failure = self._failures.setdefault(path, _Failure())
        failure.times += 1
        pause = min(LONGEST_PAUSE, self._seconds * 2**failure.times)
        failure.next_at = time.monotonic() + pause
        _log.error("%s was not landed (%d times): %s; trying again in %.0f s", path.name, failure.times, error, pause)
