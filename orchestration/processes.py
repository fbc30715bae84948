"""Child processes that live and die together: each in a group of its own, all ended within seconds.

A child never sees the terminal's Ctrl-C itself: its supervisor stops it in order, and kills what does not end in time
together with everything that it has started.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from almanac.errors import AlmanacError

GRACE_SECONDS = 4.0  # what children get to end by themselves; Dagster would take longer
KILL_SECONDS = 1.0
POLL_SECONDS = 0.05
# Not between fork and exec: that is unsafe in a process with threads. Signals that this process ignores or blocks (a
# shell's background job, a test runner) would be so in the child too, and then nothing polite could stop it.
BIND = """
import ctypes, os, signal, sys
number, parent, *argv = sys.argv[1:]
signal.pthread_sigmask(signal.SIG_SETMASK, [])
for polite in (signal.SIGINT, signal.SIGTERM):
    signal.signal(polite, signal.SIG_DFL)
ctypes.CDLL(None).prctl(1, int(number))  # PR_SET_PDEATHSIG
if os.getppid() == int(parent):
    os.execv(argv[0], argv)
"""


class Interrupted(KeyboardInterrupt):
    """Somebody wants an end: Ctrl-C, or a signal to terminate."""


@dataclass
class Child:
    """A running program: its name for people, its process, and the file that keeps what it says."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None
    stop_signal: signal.Signals

    def said(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log else ""


class Supervisor:
    """Starts programs and, at the end of its context, stops all of them. Raises AlmanacError if one does not start."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything, however the context ended."""
        self.stop()

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        is_quiet: bool = True,
    ) -> Child:
        """Start a program. A quiet one writes to `<name>.log`; another one to this terminal."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        log = self._log_dir / f"{name}.log" if is_quiet else None
        output = log.open("wb") if log else None
        try:
            process = subprocess.Popen(
                _bound(argv, stop_signal),
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        child = Child(name, process, log, stop_signal)
        self._children.append(child)
        return child

    def run(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        """Run a program on this terminal to its end and return its exit code."""
        child = self.start(name, argv, env, is_quiet=False)
        code = child.process.wait()
        self._children.remove(child)
        return code

    def wait_for(self, child: Child, pattern: str, seconds: float) -> str:
        """Wait until the program has written something that matches, and return the match's first group.

        Raises AlmanacError if it ends before, or says nothing of the kind for so many seconds.
        """
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, child.said())):
            if child.process.poll() is not None:
                raise AlmanacError(f"{child.name} ended with code {child.process.returncode}: {_last_words(child)}")
            if time.monotonic() > deadline:
                raise AlmanacError(f"{child.name} did not start within {seconds:.0f} s; see {child.log}")
            time.sleep(POLL_SECONDS)
        return found.group(1)

    def ended(self) -> Child | None:
        """A program that should run and does not, if there is one."""
        return next((child for child in self._children if child.process.poll() is not None), None)

    def stop(self) -> None:
        """End all programs and what they have started; what is left after the grace period is killed."""
        for child in self._children:
            with suppress(ProcessLookupError):
                child.process.send_signal(child.stop_signal)
        _wait(lambda: all(child.process.poll() is not None for child in self._children), GRACE_SECONDS)
        for child in self._children:
            _kill_group(child)
        _wait(lambda: not any(_lives(child) for child in self._children), KILL_SECONDS)
        self._children.clear()


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted`, once; a second one must not disturb the stopping."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on now, for a program that cannot choose one itself."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(is_over: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_over() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _kill_group(child: Child) -> None:
    """The group outlives its leader as long as anything that it has started does."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, signal.SIGKILL)


def _lives(child: Child) -> bool:
    child.process.poll()  # a child that ended and was not asked about still counts as there
    try:
        os.killpg(child.process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _bound(argv: Sequence[str], stop_signal: signal.Signals) -> list[str]:
    """The same program, asked by the system to stop when this process is killed and can stop nothing."""
    if sys.platform != "linux":
        return list(argv)
    return [sys.executable, "-I", "-S", "-c", BIND, str(int(stop_signal)), str(os.getpid()), *argv]


def _last_words(child: Child) -> str:
    lines = [line for line in child.said().splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else "it said nothing"
