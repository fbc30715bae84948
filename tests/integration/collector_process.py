"""A real collector in a process of its own, on a free port, for tests that send to it, end it or kill it."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb

from almanac.settings import Settings
from almanac.state import create_key, open_state
from ingestion.collector.land_log import land_file
from ingestion.lake import Lake
from tests import warm_start

START_SECONDS = 60.0
# Its end waits for what it is landing, which takes long on a machine that does much else.
STOP_SECONDS = 180.0
ROOT = Path(__file__).resolve().parents[2]


class CollectorProcess:
    """`almanac collect` on a home folder. `url` is where it answers."""

    def __init__(
        self,
        home: Path,
        flush_seconds: float = 0.2,
        wrapper: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
        **environment: str,
    ) -> None:
        """Start it, as a child of the program `wrapper` if there is one; `wait` returns once it answers."""
        self._lock = home / "collector" / "lock"
        arguments = ["collect", "--port", "0", "--flush-seconds", str(flush_seconds), *options]
        # A wrapper must see all of its child; without one the collector may be the copy of a process that is warm.
        cold = [*wrapper, sys.executable, "-m", "almanac", *arguments]
        self.process = subprocess.Popen(
            cold if wrapper else warm_start.command(*arguments),
            cwd=ROOT,
            env={**os.environ, "ALMANAC_HOME": str(home), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._out: queue.Queue[str] = queue.Queue()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        # Both pipes are read all the time, so that the collector never waits for us.
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self._out.put), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.said.append), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.url = ""

    @staticmethod
    def _read(stream: Any, take: Callable[[str], None]) -> None:
        for line in stream:
            take(line)
        take("")

    def wait(self) -> Self:
        """Return once it answers; fails with what it said if it ended instead."""
        line = self._out.get(timeout=START_SECONDS)
        found = re.match(r"collecting on (http://\S+)", line)
        assert found, line + "".join(self.said)
        self.url = found[1]
        return self

    @property
    def pid(self) -> int:
        """The collector's own process, which the wrapper would not end with itself."""
        return int(json.loads(self._lock.read_text())["pid"])

    @property
    def port(self) -> int:
        """The port on which it answers."""
        return int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        """End it at once, as a power cut of the process would."""
        os.kill(self.pid if self.url else self.process.pid, signal.SIGKILL)
        self._join()

    def stop(self) -> int:
        """Ask it to end, and return its exit code once it has."""
        os.kill(self.pid, signal.SIGTERM)
        return self._join()

    def _join(self) -> int:
        code = self.process.wait(timeout=STOP_SECONDS)
        for reader in self._readers:
            reader.join(timeout=10)
        return code


@contextmanager
def running(
    home: Path,
    flush_seconds: float = 0.2,
    wrapper: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
    **environment: str,
) -> Iterator[CollectorProcess]:
    """A collector that answers, for as long as the context lasts."""
    collector = CollectorProcess(home, flush_seconds, wrapper, options, **environment)
    try:
        yield collector.wait()
    finally:
        if collector.process.poll() is None:
            collector.kill()


def land_what_is_left(home: Path, **environment: str) -> None:
    """What one collector has no time to land before its end the next one lands: wait until that is done."""
    folder = home / "collector"
    if not list(folder.glob("wal-*")):
        return
    with running(home, **environment) as collector:
        eventually(lambda: len(list(folder.glob("wal-*"))) <= 1, seconds=240)  # one is being written
        assert collector.stop() == 0
    assert not list(folder.glob("wal-*"))


def new_key(home: Path, tenant: str = "rentals", **limits: Any) -> str:
    """A write key for the source `web` of a tenant."""
    state = open_state(Settings.for_home(home))
    _, plaintext = create_key(state, tenant, "web", **limits)
    state.close()
    return plaintext


def land_rest(home: Path) -> None:
    """Land what a collector left when it was asked to end: it lands for some seconds, its next start the rest."""
    lake = Lake.open(Settings.for_home(home))
    for path in sorted((home / "collector").glob("wal-*.log")):
        land_file(lake, path)
        path.unlink()


def lake_rows(home: Path, kind: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    """Rows of all files of one kind that exist for readers of the lake."""
    lake = Lake.open(Settings.for_home(home))
    files = [lake.locate(entry.path) for entry in lake.entries() if entry.kind == kind]
    if not files:
        return []
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        query = f"select {columns} from read_parquet(?, union_by_name = true, hive_partitioning = false) where {where}"
        return connection.execute(query, [files]).fetchall()


def eventually(found: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `found` returns once it is true; fails if that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < deadline, f"still {value!r} after {seconds:.0f} s"
        threading.Event().wait(0.02)
