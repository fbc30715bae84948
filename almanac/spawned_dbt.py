"""dbt in a process of its own: started for one build, or ahead of it, so that dbt is loaded when the build begins."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from almanac.dbt_worker import DbtRun, OnEvent
from almanac.settings import Settings

_Worker = subprocess.Popen[bytes]


@dataclass
class SpawnedDbt:
    """Runs dbt in a fresh process that ends with the run; a killed worker is a clear failure."""

    _ahead: tuple[Settings, _Worker] | None = field(default=None, init=False)

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build in a process of its own; `on_event` sees each model and test as it finishes."""
        run: DbtRun | None = None
        with self._taken(settings) as worker:
            assert worker.stdin
            assert worker.stdout
            with suppress(BrokenPipeError):
                pickle.dump(full_refresh, worker.stdin)
                worker.stdin.close()
            for kind, payload in messages(worker.stdout):
                if kind == "done":
                    run = payload
                elif on_event:
                    on_event(payload)
        return run or DbtRun(error=f"the dbt worker ended with exit code {worker.returncode} before the build was done")

    def start(self, settings: Settings) -> None:
        """Start the process of the next build now: it loads dbt while the caller gets ready."""
        self.stop()
        self._ahead = settings, _spawn(settings)

    def stop(self) -> None:
        """End a process that was started and that no build has taken."""
        if self._ahead:
            _, worker = self._ahead
            self._ahead = None
            worker.kill()
            worker.communicate()

    def _taken(self, settings: Settings) -> _Worker:
        if self._ahead and self._ahead[0] == settings:
            _, worker = self._ahead
            self._ahead = None
            return worker
        return _spawn(settings)


@contextmanager
def started(settings: Settings) -> Iterator[SpawnedDbt]:
    """dbt whose process for a build with these settings starts now; it ends with the context if nothing was built."""
    dbt = SpawnedDbt()
    dbt.start(settings)
    try:
        yield dbt
    finally:
        dbt.stop()


def messages(stream: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """The worker's messages (kind, payload) until it ends, whether it ends well or not."""
    while True:
        try:
            yield pickle.load(stream)
        except (EOFError, pickle.UnpicklingError):
            return


def _spawn(settings: Settings) -> _Worker:
    # `-m` finds the package in the working folder: this checkout, whatever else is installed.
    worker = subprocess.Popen(
        [sys.executable, "-m", "almanac.dbt_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[1],
    )
    assert worker.stdin
    with suppress(BrokenPipeError):
        pickle.dump((settings, os.getpid()), worker.stdin)
        worker.stdin.flush()
    return worker
