"""What Dagster costs on top of the work: `python -m benchmarks.dagster_overhead`.

Both sides take one small day after another from the lake to published numbers, in turns, in this process: the job
`daily` with Dagster's own storage (SQLite), and the functions that its assets call. The difference of their CPU seconds
belongs to Dagster; it is printed for each asset, of which each has its checks, and as time from a landing to readers.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Literal

import dagster as dg

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import gate, publish
from almanac.settings import Settings
from almanac.tables import text_table
from benchmarks.clock import Clock, Took
from orchestration.definitions import build_defs
from orchestration.instance import open_instance
from tests.small_lake import FIRST_DAY, land_day

GOAL = 60.0  # milliseconds an asset
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sides and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dagster_overhead", description=__doc__)
    parser.add_argument("--days", type=int, default=7, help="measured days of each side (default: 7)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        plain, with_dagster = (Settings.for_home(Path(folder) / name) for name in ("plain", "dagster"))
        dbt = WarmDbt()
        job = build_defs(with_dagster, runner=dbt).resolve_job_def("daily")
        with open_instance(with_dagster) as instance:
            sides: dict[str, tuple[Settings, Callable[[], None]]] = {
                "the functions alone": (plain, lambda: directly(plain, dbt)),
                "the job in Dagster": (with_dagster, lambda: in_dagster(job, instance)),
            }
            took: dict[str, list[Took]] = {name: [] for name in sides}
            for day in range(options.days + 1):
                for name, (settings, run) in sides.items():
                    land_day(settings, FIRST_DAY + timedelta(days=day))
                    clock = Clock(children=True)
                    run()
                    if day:  # the first is not incremental
                        took[name].append(clock.took())
        assets = len(list(job.asset_layer.executable_asset_keys))
        checks = len(job.asset_layer.asset_graph.asset_check_keys)
    rows = [(name, f"{_median(t, 'cpu'):.2f}", f"{_median(t, 'wall'):.2f}") for name, t in took.items()]
    say(f"one more small day, from its landing to published numbers, median of {options.days}\n")
    say(text_table(["", "CPU s", "wall s"], rows, right=["CPU s", "wall s"]))
    alone, whole = took.values()
    over = _median(whole, "cpu") - _median(alone, "cpu")
    say(f"\n{assets} assets with {checks} checks: {1000 * over / assets:.0f} ms an asset (goal: at most {GOAL:.0f})")
    return 0


def directly(settings: Settings, dbt: WarmDbt) -> None:
    """What `almanac build` does, in this process; it too is told of each model and test, for its progress."""
    result = run_build(settings, runner=dbt, on_event=lambda _: None)
    assert result.succeeded, result.failed
    publish(settings, gate(settings))


def in_dagster(job: dg.JobDefinition, instance: dg.DagsterInstance) -> None:
    """One run of the job, recorded."""
    assert job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False).success


def _median(took: Sequence[Took], kind: Literal["cpu", "wall"]) -> float:
    return median(one.cpu if kind == "cpu" else one.wall for one in took)


def say(line: str) -> None:
    """Print it now."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
