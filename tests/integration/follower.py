"""Brings PostgreSQL to a version for a test that kills it: each line of standard input is a point, a home and a DSN.

The point names a function of `almanac.serving_store.follow` and how many of its calls are let pass before the process
kills itself; `-` lets all of them pass.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from almanac.serving_store import fill, follow
from almanac.settings import Settings

MODULES = {"_copy": fill, "_rename": follow, "_wait_for_readers": follow, "_drop": follow}


def main() -> None:
    """Follow once for each line, in a child, and print how it ended."""
    for line in sys.stdin:
        point, passing, root, home, dsn = line.split()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                if point != "-":
                    _kill_at(point, int(passing))
                follow.follow(Settings(Path(root), Path(home), Path(home) / "lake", serving_dsn=dsn))
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


def _kill_at(name: str, passing: int) -> None:
    module, calls = MODULES[name], 0
    original = getattr(module, name)

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > passing:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)

    setattr(module, name, counted)


if __name__ == "__main__":
    main()
