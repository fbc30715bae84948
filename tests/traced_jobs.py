"""Disturbing a process at one of its system calls: killed there, or told that the disk refuses.

A test starts a `Server` for a module that calls `serve(job)`. For each line that it is given, the server forks a child
that has imported everything already, and the child does the job under strace. The server must have no threads.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from almanac.errors import AlmanacError
from almanac.settings import ROOT
from almanac.without_pandas import leave_pandas_out

SYSCALLS = (
    "write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,link,unlink,unlinkat,mkdir"
    ",ftruncate,truncate,sendfile,copy_file_range"
)
REFUSABLE = ("write", "fsync", "fdatasync", "rename", "mkdir")  # what a disk that is full or broken refuses
ERRORS = ("EIO", "ENOSPC")  # what it says then
REFUSED = 3  # exit status of a job that ended with an error which people can read
CALL = re.compile(r"^(?:\[pid\s+\d+\] |\d+ +)?(\w+)\(")

Point = tuple[str, int]


class Server:
    """A process that does jobs, each in a traced child of its own."""

    def __init__(self, module: str) -> None:
        """Start `python -m <module>`; the test that asks for it is skipped where there is no strace."""
        if not shutil.which("strace"):
            import pytest  # not for the processes that serve

            pytest.skip("strace is not installed")
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, job: str, options: Sequence[str]) -> int:
        """Do a job under strace with these options; the exit status (negative: the signal that killed it)."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{job}\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        command = ["strace", "-f", "-p", str(pid), "-e", f"trace={SYSCALLS}", "-e", "signal=none", *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr
            assert "attached" in strace.stderr.readline()
            os.kill(pid, signal.SIGCONT)
            status = int(self._process.stdout.readline())
            strace.stderr.read()
        return status

    def points(self, job: str, log: Path, watched: Sequence[str] = ()) -> list[Point]:
        """Every (system call, how many-eth of its kind) that changes the disk in an undisturbed job.

        `watched` are strace's options that narrow down what it sees; the same must be given to `kill`.
        """
        assert self.run(job, ["-o", str(log), *watched]) == 0
        counts: Counter[str] = Counter()
        for line in log.read_text(errors="replace").splitlines():
            if match := CALL.match(line):
                counts[match[1]] += 1
        return [(call, n + 1) for call, total in sorted(counts.items()) for n in range(total)]

    def kill(self, job: str, point: Point, watched: Sequence[str] = ()) -> int:
        """Do a job and kill it at one point; the exit status."""
        return self.run(job, ["-o", "/dev/null", *watched, "-e", f"inject={point[0]}:signal=SIGKILL:when={point[1]}"])

    def refuse(self, job: str, point: Point, error: str) -> int:
        """Do a job of which one call fails with `error` (EIO, ENOSPC); the exit status, `REFUSED` if it said so."""
        return self.run(job, ["-o", "/dev/null", "-e", f"inject={point[0]}:error={error}:when={point[1]}"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


def serve(job: Callable[[str], None]) -> None:
    """Do a job per line of standard input, each in a child; prints its pid, and its exit status when it has ended."""
    leave_pandas_out()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            status = 1
            try:
                job(line.strip())
                status = 0
            except (AlmanacError, OSError):
                status = REFUSED
            finally:
                os._exit(status)
        os.waitpid(child, os.WUNTRACED)
        _tell(child)
        _, status = os.waitpid(child, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()
