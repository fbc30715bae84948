"""Work in processes of its own, killed or refused by the system at any of its writes: by way of strace.

A program that calls `serve(work)` reads homes from standard input. For each it forks a child that stops itself, prints
the child's pid, and after the child's end its exit status (negative: the signal that killed it). The parent has
imported everything, so a child costs a fraction of a second; it must have no threads.
"""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

from almanac.errors import AlmanacError
from almanac.settings import ROOT

SYSCALLS = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,ftruncate,link"
FAILED = 3  # exit status of a child whose work was refused, with an error that people can read
_CALL = re.compile(r"^(?:\[pid\s+\d+\] |\d+ +)?(\w+)\(")

Point = tuple[str, int]  # a system call, and the how-many-eth of its kind it is


def serve(work: Callable[[Path], None]) -> None:
    """Do `work` for one home per line of standard input, until it ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _work(work, Path(line.strip()))
        os.waitpid(child, os.WUNTRACED)
        _tell(child)
        _, status = os.waitpid(child, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _work(work: Callable[[Path], None], home: Path) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    status = 1
    try:
        work(home)
        status = 0
    except (AlmanacError, OSError):
        status = FAILED
    finally:
        os._exit(status)


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


class Traced:
    """A program that serves, and whose children strace watches."""

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def run(self, home: Path, *options: str) -> int:
        """Work on `home`, under strace if there are `options`; the exit status."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{home}\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        if not options:
            os.kill(pid, signal.SIGCONT)
            return int(self._process.stdout.readline())
        command = ["strace", "-f", "-p", str(pid), "-e", f"trace={SYSCALLS}", "-e", "signal=none", *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr
            assert "attached" in strace.stderr.readline()
            os.kill(pid, signal.SIGCONT)
            status = int(self._process.stdout.readline())
            strace.stderr.read()
        return status

    def points(self, home: Path, log: Path) -> list[Point]:
        """Every call of an undisturbed run on `home` that changes something on the disk; `log` is written."""
        assert self.run(home, "-o", str(log)) == 0
        counts: Counter[str] = Counter()
        for line in log.read_text(errors="replace").splitlines():
            if match := _CALL.match(line):
                counts[match[1]] += 1
        return [(call, number) for call, total in sorted(counts.items()) for number in range(1, total + 1)]

    def kill_at(self, home: Path, point: Point) -> None:
        """Work on `home`, and die at this point."""
        status = self.run(home, "-o", "/dev/null", "-e", f"inject={point[0]}:signal=SIGKILL:when={point[1]}")
        assert status == -signal.SIGKILL, f"{point}: the process ended with {status}"

    def refuse_at(self, home: Path, point: Point, error: str) -> int:
        """Work on `home`, with this error (EIO, ENOSPC) instead of the call; the exit status."""
        return self.run(home, "-o", "/dev/null", "-e", f"inject={point[0]}:error={error}:when={point[1]}")
