"""From the log to the lake: each minute the current log file is sealed, landed, and only then deleted.

A file is sealed earlier when it holds about as many events as one file of the lake should (`wal.FILE_BYTES`). A landing
is named by the hash of the file's bytes, so a crash at any point is repaired by doing the same again.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from almanac.errors import AlmanacError
from ingestion.collector import records
from ingestion.collector.log_files import damaged_files, load
from ingestion.collector.wal import Wal

if TYPE_CHECKING:  # the collector lands through another process and needs no Parquet
    from ingestion.lake import Lake

FLUSH_SECONDS = 60.0  # younger events are read from the log (`ingestion/lake_tail.py`)
PART_ROWS = 50_000  # rows of one file that is landed; it bounds the memory that a landing takes
DRAIN_SECONDS = 8.0
LONGEST_PAUSE = 60.0

_log = logging.getLogger("almanac.collector")


@dataclass
class Group:
    """What one source of one tenant sent, and how many events were counted and dropped at the door per UTC day."""

    arrivals: list[records.Logged] = field(default_factory=list)
    received: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    suppressed: dict[date, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class _Failure:
    """A log file that could not be landed: how often, and when to try again (monotonic seconds)."""

    times: int = 0
    next_at: float = 0.0


def land_file(lake: "Lake", path: Path) -> tuple[int, int]:
    """Land one sealed log file, once, whatever happens in between; returns its accepted and quarantined events.

    Raises AlmanacError, OSError or ValueError; then nothing is lost and the same can be done again. What cannot be
    landed for one tenant does not keep the others of the file from it.
    """
    content = load(path)
    groups: dict[tuple[str, str], Group] = grouped(content.records)
    accepted = quarantined = 0
    failed: list[str] = []
    for (tenant, source), group in groups.items():
        try:
            landed = lake.land(
                tenant,
                source,
                group.arrivals,
                content_hash=content.sha256,
                received=group.received,
                suppressed=group.suppressed,
                most_rows=PART_ROWS,
            )
        except (AlmanacError, OSError, ValueError) as error:
            failed.append(f"{tenant}/{source}: {error}")
            continue
        accepted += landed.accepted
        quarantined += landed.quarantined
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise AlmanacError(f"{failed[0]}{more}; the other {len(groups) - len(failed)} sources of the file are landed")
    return accepted, quarantined


def grouped(data: Iterable[bytes]) -> dict[tuple[str, str], Group]:
    """The records of a log file by tenant and source. Raises ValueError for what is no record."""
    groups: dict[tuple[str, str], Group] = defaultdict(Group)
    for item in data:
        record = records.decode(item)
        group = groups[record.tenant, record.source]
        group.arrivals += records.logged(record)
        day = record.received_at.astimezone(UTC).date()
        group.received[day] += record.found
        group.suppressed[day] += record.suppressed
    return groups


class Flusher:
    """Seals and lands in a thread of its own, from `start` to `stop`; `each_time` is called after every round."""

    def __init__(
        self,
        wal: Wal,
        land: Callable[[Path], tuple[int, int]],
        seconds: float = FLUSH_SECONDS,
        each_time: Callable[[], None] | None = None,
    ) -> None:
        """`land` lands one log file (`land_file`, or the same in another process)."""
        self._wal = wal
        self._land_path = land
        self._seconds = seconds
        self._each_time = each_time
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
            if time.monotonic() >= seal_at:
                self._wal.seal()
                seal_at = time.monotonic() + self._seconds
            self._land()
            self._after_round()

    def _after_round(self) -> None:
        try:
            if self._each_time is not None:
                self._each_time()
        except OSError as error:
            _log.warning("what follows a landing was not done: %s", error)

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
