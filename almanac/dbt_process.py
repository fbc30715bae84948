"""The worker process of one build: reads its task from standard input, writes its messages to standard output.

The task comes in two parts: for whom, upon which it loads dbt, and then how to build, unless there is nothing to do.

A subprocess instead of `multiprocessing`: it does not import the caller's main module again, which costs seconds under
Dagster and pytest.
"""

import gc
import importlib
import os
import pickle
import sys

from almanac.child_process import die_with
from almanac.dbt_parse import environment, parse, parse_folder
from almanac.dbt_worker import DbtRun, Event, OnEvent, close, invoke
from almanac.settings import Settings


def main() -> None:
    """Run one build and report it, or none if the caller ends before it asks for one."""
    settings, parent = pickle.load(sys.stdin.buffer)
    die_with(parent)
    # The process ends with its build. What becomes garbage until then is 20 MB; to look for it among dbt's hundreds of
    # thousands of objects took a twelfth of a build of one day.
    gc.disable()
    try:
        _load(settings)
        full_refresh = pickle.load(sys.stdin.buffer)
    except (EOFError, KeyboardInterrupt):
        return
    # Whatever a library prints goes to standard error: standard output carries messages only.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)

        def send(kind: str, payload: Event | DbtRun) -> None:
            pickle.dump((kind, payload), out)
            out.flush()

        send("done", _build(settings, full_refresh, lambda event: send("event", event)))


def _load(settings: Settings) -> None:
    os.environ.update(environment(settings))
    for name in ("dbt.cli.main", f"dbt.adapters.{settings.target}"):
        importlib.import_module(name)


def _build(settings: Settings, full_refresh: bool, on_event: OnEvent) -> DbtRun:
    from almanac.dbt_templates import KeptTemplates

    try:
        templates = KeptTemplates(parse_folder(settings))
        templates.take_part()
        run = invoke(settings, full_refresh, on_event, parse(settings))
        close(settings)
        templates.keep()
    except Exception as e:
        return DbtRun(error=f"{type(e).__name__}: {e}")
    return run


if __name__ == "__main__":
    main()
