"""Landing in a process of its own, so that it never takes the processor from those who wait for an answer.

The collector names one sealed log file after the other on the child's standard input, and reads what became of it on
its standard output; null instead of a name says that the tracking plan is to be read again. The child may be killed at
any moment: what it was landing is landed again (a landing is a no-op the second time), and only the collector deletes
log files. The child ends with the collector.
"""

import contextlib
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from almanac.child_process import ForkedChild, die_with
from almanac.errors import AlmanacError
from almanac.settings import ROOT, Settings
from almanac.without_pandas import leave_pandas_out
from ingestion.collector.log_lines import LogFormat, log_to_stderr

NICENESS = 5
_LOOK_SECONDS = 0.5


class Outcome(msgspec.Struct, omit_defaults=True):
    """What became of one log file: events that were accepted and quarantined, or why it could not be landed."""

    accepted: int = 0
    quarantined: int = 0
    error: str = ""


class LandingProcess:
    """The collector's side; calls come from one thread at a time."""

    def __init__(self, settings: Settings, log_format: LogFormat = "text") -> None:
        self._settings = settings
        self._log_format = log_format
        self._child: subprocess.Popen[bytes] | ForkedChild | None = None
        self._deadline = float("inf")

    def __enter__(self) -> Self:
        self.start(fork=sys.platform == "linux")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, fork: bool = False) -> None:
        """Start the child. To be called by a thread that goes on to live: the kernel ends the child with it.

        A new program takes a second or two to be ready. `fork` copies this one instead, which takes no time and shares
        the memory of what is loaded already; only a process that has a single thread may do that.
        """
        if fork:
            parent = os.getpid()
            self._child = ForkedChild(lambda requests, answers: self._serve(parent, requests, answers))
            return
        self._child = subprocess.Popen(
            [sys.executable, "-m", "ingestion.collector.landing_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._child.stdin is not None
        pickle.dump((self._settings, self._log_format, os.getpid()), self._child.stdin)
        self._child.stdin.flush()

    def _serve(self, parent: int, requests: BinaryIO, answers: BinaryIO) -> None:
        serve(self._settings, self._log_format, parent, requests, answers)

    def land(self, path: Path) -> tuple[int, int]:
        """Land one sealed log file; returns its accepted and quarantined events.

        Raises AlmanacError if it could not be landed, or OSError if the child ended or the time is up.
        """
        outcome = self._ask(str(path))
        return outcome.accepted, outcome.quarantined

    def take_up_plan(self) -> None:
        """Let the child go by the tracking plan as its files are now.

        Raises AlmanacError if that is no valid plan (the child goes by the one before), or OSError if the child ended
        or the time is up.
        """
        self._ask(None)

    def end_by(self, deadline: float) -> None:
        """Give up what is not landed by then (monotonic seconds); the next start lands it."""
        self._deadline = deadline

    def stop(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                # What was meant for a child that has ended is lost, as it should be.
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            self._child = None

    def _ask(self, request: str | None) -> Outcome:
        if time.monotonic() > self._deadline:
            raise TimeoutError("there was no time left to land it")
        child = self._running()
        assert child.stdin is not None
        child.stdin.write(msgspec.json.encode(request) + b"\n")
        child.stdin.flush()
        outcome = msgspec.json.decode(self._answer(child), type=Outcome)
        if outcome.error:
            raise AlmanacError(outcome.error)
        return outcome

    def _running(self) -> subprocess.Popen[bytes] | ForkedChild:
        if self._child is not None and self._child.poll() is not None:
            self.stop()
        if self._child is None:
            self.start()
        assert self._child is not None
        return self._child

    def _answer(self, child: subprocess.Popen[bytes] | ForkedChild) -> bytes:
        assert child.stdout is not None
        while not select.select([child.stdout], [], [], _LOOK_SECONDS)[0]:
            if time.monotonic() > self._deadline:
                self.stop()
                raise TimeoutError("there was no time left to land it")
        line = child.stdout.readline()
        if not line.endswith(b"\n"):
            self.stop()
            raise ChildProcessError("the landing process ended unexpectedly")
        return line


def serve(settings: Settings, log_format: LogFormat, parent: int, requests: BinaryIO, answers: BinaryIO) -> None:
    """The child: land what `requests` names until it ends. `parent` is the process that it ends with."""
    die_with(parent)
    os.nice(NICENESS)
    # A terminal sends its signals to all; this process ends when the collector has nothing more to land.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    log_to_stderr(log_format)

    from ingestion.collector.land_log import land_file
    from ingestion.lake import Lake
    from ingestion.privacy.erased_since import ErasedSince
    from ingestion.tracking_plan import load_plan

    lake, erased = Lake.open(settings), ErasedSince(settings)
    # Read now and not when the first file comes, or it would not be the plan that the door has.
    with contextlib.suppress(AlmanacError, OSError):  # which each landing will say
        lake = Lake.open(settings, load_plan(settings.root))
    for line in requests:
        try:
            path = msgspec.json.decode(line, type=str | None)
            if path is None:
                lake, outcome = Lake.open(settings, load_plan(settings.root)), Outcome()
            else:
                outcome = Outcome(*land_file(lake, Path(path), erased))
        except (AlmanacError, OSError, ValueError) as error:
            outcome = Outcome(error=str(error) or type(error).__name__)
        answers.write(msgspec.json.encode(outcome) + b"\n")
        answers.flush()


def main() -> None:
    """The child as a program of its own: what to work on comes first on standard input."""
    leave_pandas_out()
    settings, log_format, parent = pickle.load(sys.stdin.buffer)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    serve(settings, log_format, parent, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
