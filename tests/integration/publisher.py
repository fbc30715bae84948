"""Publishes warehouses, each in a process of its own that a test may trace and kill.

`python -m tests.integration.publisher` reads homes from standard input. For each it forks a child that stops itself,
prints the child's pid, and after the child's end its exit status (negative: the signal that killed it).
"""

import os
import signal
import sys
from pathlib import Path

import duckdb

import almanac.publish
from almanac.settings import Settings
from tests.small_lake import PASSED


def main() -> None:
    """Serve one home per line until standard input ends."""
    # strace counts calls per thread: with one thread the n-th call is the same one in every run.
    connect = duckdb.connect
    duckdb.connect = lambda path=":memory:", read_only=False, config=None: connect(  # type: ignore
        path, read_only, {**(config or {}), "threads": 1}
    )
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            status = 1
            try:
                almanac.publish.publish(Settings.for_home(Path(line.strip())), PASSED)
                status = 0
            finally:
                os._exit(status)
        os.waitpid(child, os.WUNTRACED)
        _tell(child)
        _, status = os.waitpid(child, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
