"""A full build of the models against hand-written SQL with the same guarantees: `python -m benchmarks.build`.

Both sides take turns on one lake, each in a process of its own, and their tables are compared row by row. Compared is
the time from the first to the last model statement; what a build needs beside that stands below it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from almanac.build import BuildResult, run_build
from almanac.engines import open_warehouse
from almanac.settings import ROOT, Settings
from almanac.tables import text_table
from benchmarks.clock import Clock, Took
from benchmarks.compare import differences
from benchmarks.lakes import RECENT, Lakes, lakes_of
from benchmarks.side import Phases, hand_database
from benchmarks.tables import CORE, core, core_of_day, dearest_of_day, growth, slowest

GOAL, LIMIT = 1.5, 8.0
# One more day: times as long as by hand, seconds for each model, and seconds per million events of history.
DAY_GOAL, EACH, GROWTH = 2.0, 0.06, 0.2
_CORE = "events, identity, sessions, user days, searches, bookings, revenue, daily rollups, KPI values"

Row = tuple[str, str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print it; 1 if the outputs differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="about so many events (default: 1,000,000)")
    parser.add_argument("--runs", type=int, default=3, help="times each side runs; the best one counts (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="cores that the database may use (default: 1; 0: all)")
    options = parser.parse_args(arguments)
    say(f"A lake of about {options.events:,} events (made once, about a minute per million), then {options.runs} runs.")
    lakes = lakes_of(options.events)
    _whole(lakes.history, full_refresh=True)  # leaves dbt's parse and the load log as any later build finds them
    whole, result = _whole(lakes.history, full_refresh=True)
    compared_on = replace(lakes.history, threads=options.threads)
    runs = [(side("models", compared_on), side("hand", compared_on)) for _ in range(options.runs)]
    compared, differs = differences(lakes.history.warehouse, hand_database(lakes.history))
    say(f"{compared} tables compared, {len(differs)} differ")
    events = _events(lakes.history)
    day = _one_more_day(lakes, options.threads)
    recent = lakes_of(options.events, RECENT)
    _whole(recent.history, full_refresh=True)
    known = _events(recent.history)
    _, _, recent_day = _next(recent, options.threads)
    models, hand = best([ours for ours, _ in runs]), best([theirs for _, theirs in runs])
    ours, theirs = models["statements"], hand["statements"]
    ours_core, theirs_core = core("models", models), core("hand", hand)
    rows = [
        _row("models, first to last statement", ours),
        _row("hand-written SQL", theirs),
        _row("of the models: the core", ours_core),
        _row("of the hand-written SQL: the core", theirs_core),
        _row("worker start (imports)", models["start"]),
        _row("dbt parse", models["parse"]),
        _row("dbt before the first model", models["before the first model"]),
        _row(f"whole full build, {_nodes(result)}", whole),
        *day.rows,
    ]
    cores = f"{options.threads} thread" + "s" * (options.threads != 1) if options.threads else "all cores"
    say(f"\n{events:,} accepted events, best of {options.runs}, both sides on {cores}, whole builds on all\n")
    say(text_table(["", "CPU s", "wall s"], rows, right=["CPU s", "wall s"]))
    ratios = [a.cpu / b.cpu for a, b in ((o["statements"], t["statements"]) for o, t in runs)]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    say(f"\nratio in CPU seconds {ours.cpu / theirs.cpu:.2f} (goal: at most {GOAL}; run by run: {each})")
    say(f"ratio in wall time   {ours.wall / theirs.wall:.2f}")
    say(f"ratio of the core    {ours_core.cpu / theirs_core.cpu:.2f} in CPU seconds ({_CORE})")
    for what, took in (("hand-written SQL", theirs), ("the core of it", theirs_core)):
        say(f"{what:<20} {took.cpu / events * 1e6:.1f} CPU seconds per million events (at most {LIMIT:.0f})")
    say("\nThe models that cost most:\n")
    say(text_table(["", "CPU s", "wall s", "by hand"], slowest(models, hand), right=["CPU s", "wall s", "by hand"]))
    _say_of_day(day, recent_day, events - known)
    say("")
    for tables, wrong in ((compared, differs), day.compared):
        if wrong:
            say(f"THE OUTPUTS DIFFER (rows only by hand, rows only of the models): {wrong}")
            return 1
        say(f"outputs              equal: {tables} tables, `except all` both ways")
    return 0


def _say_of_day(day: "Day", recent: Mapping[str, float], more: int) -> None:
    """What one more day takes, beside the same by hand and on a history that is shorter by `more` events."""
    say("\nThe models that cost most of one more day:\n")
    grows = growth(day.models, recent, more)
    head = ["", "wall s", "by hand", "s per million"]
    say(text_table(head, dearest_of_day(day.models, day.hand, grows), right=head[1:]))
    ours, theirs = core_of_day(day.models, day.hand)
    count = len(CORE["models"])
    say(f"\none more day, the core  {ours:.2f} s, by hand {theirs:.2f} s: {ours / theirs:.2f} times as long")
    allowed = DAY_GOAL * theirs + EACH * count
    say(f"allowed                 {allowed:.2f} s: twice as long, and {1000 * EACH:.0f} ms for each of {count} models")
    say(
        f"all models              {sum(day.models.values()):.2f} s; of the last {RECENT} days alone "
        f"{sum(recent.values()):.2f} s"
    )
    say(
        f"grows with history      {sum(grows.values()):.2f} s per million of {more:,} events more of it, all models "
        f"(goal: {GROWTH})"
    )


def side(name: str, settings: Settings) -> Phases:
    """Run one side once, in a fresh process, and return what its phases took."""
    command = [sys.executable, "-m", "benchmarks.side", name, str(settings.home), str(settings.threads)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])} failed: see above")
    phases = {phase: Took(**took) for phase, took in json.loads(done.stdout).items()}
    say(f"{name}: {phases['statements'].cpu:.1f} CPU seconds")
    return phases


def best(runs: Sequence[Phases]) -> Phases:
    """The run that took the least CPU time for its statements."""
    return min(runs, key=lambda phases: phases["statements"].cpu)


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


@dataclass(frozen=True)
class Day:
    """One more day: rows for the table, and what its models and the hand-written SQL took (wall seconds by table)."""

    rows: list[Row]
    models: dict[str, float]
    hand: Phases
    compared: tuple[int, dict[str, tuple[int, int]]]


def _one_more_day(lakes: Lakes, threads: int) -> Day:
    """What `almanac build` takes for one more day of events, by hand too, and when there is nothing new."""
    before = _events(lakes.history)
    took, result, own = _next(lakes, threads)
    later = _later(lakes, threads)
    nothing, idle = _whole(later, full_refresh=False)
    if idle.built:
        sys.exit("a later build did more than it should: were the models changed while this ran?")
    seconds = {kind: sum(n.seconds for n in result.nodes if n.resource_type == kind) for kind in ("model", "test")}
    hand = side("day", later)
    rows = [
        _row(f"whole build of one more day, {_events(later) - before:,} events", took),
        ("  its models", "-", f"{seconds['model']:.2f}"),
        ("  its data tests", "-", f"{seconds['test']:.2f}"),
        _row("  the day by hand", hand["statements"]),
        _row("whole build with nothing new", nothing),
    ]
    return Day(rows, own, hand, differences(later.warehouse, hand_database(later)))


def _later(lakes: Lakes, threads: int) -> Settings:
    """The same warehouse sees the lake a day later."""
    return replace(lakes.history, lake=lakes.next_day.lake, threads=threads)


def _next(lakes: Lakes, threads: int) -> tuple[Took, BuildResult, dict[str, float]]:
    """The build of the next day: what it took, what it did, and the wall seconds of each model."""
    took, result = _whole(_later(lakes, threads), full_refresh=False)
    if result.full_refresh:
        sys.exit("a later build did more than it should: were the models changed while this ran?")
    return took, result, {node.name: node.seconds for node in result.nodes if node.resource_type == "model"}


def _whole(settings: Settings, *, full_refresh: bool) -> tuple[Took, BuildResult]:
    """`almanac build` without publishing: load log, verification of the lake, worker, models and data tests."""
    clock = Clock(children=True)
    result = run_build(settings, full_refresh=full_refresh)
    took = clock.took()
    if not result.succeeded:
        sys.exit(f"the build failed: {result.error or [f'{n.name}: {n.message}' for n in result.failed]}")
    say(f"whole build, {'all anew' if full_refresh else 'what changed'}: {took.wall:.1f} s")
    return took, result


def _nodes(result: BuildResult) -> str:
    models = sum(node.resource_type == "model" for node in result.nodes)
    return f"{models} models, {len(result.nodes) - models} data tests"


def _events(settings: Settings) -> int:
    with open_warehouse(settings, read_only=True) as engine:
        return int(engine.execute("select count(*) from marts.fact_events")[0][0])


def _row(what: str, took: Took) -> Row:
    return what, f"{took.cpu:.2f}", f"{took.wall:.2f}"


if __name__ == "__main__":
    sys.exit(main())
