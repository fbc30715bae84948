"""The worker process of one build: reads its task from standard input, writes its messages to standard output.

A subprocess instead of `multiprocessing`: it does not import the caller's main module again, which costs seconds under
Dagster and pytest.
"""

import os
import pickle
import sys

from almanac.child_process import die_with
from almanac.dbt_parse import parse
from almanac.dbt_worker import DbtRun, Event, OnEvent, close, invoke
from almanac.settings import Settings


def main() -> None:
    """Run one build and report it."""
    settings, full_refresh, parent = pickle.load(sys.stdin.buffer)
    die_with(parent)
    # Whatever a library prints goes to standard error: standard output carries messages only.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)

        def send(kind: str, payload: Event | DbtRun) -> None:
            pickle.dump((kind, payload), out)
            out.flush()

        send("done", _build(settings, full_refresh, lambda event: send("event", event)))


def _build(settings: Settings, full_refresh: bool, on_event: OnEvent) -> DbtRun:
    try:
        run = invoke(settings, full_refresh, on_event, parse(settings))
        close(settings)
    except Exception as e:
        return DbtRun(error=f"{type(e).__name__}: {e}")
    return run


if __name__ == "__main__":
    main()
