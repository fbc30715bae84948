"""Publishing one more day, written afresh and from a copy of the version before: `python -m benchmarks.publication`.

Both sides publish the same build over the same version, taking turns, each in a process and in a copy of the home of
its own; the tables of the two new versions are compared by number and hash of their rows.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

from almanac import publication_file
from almanac.build import run_build
from almanac.publish import publish
from almanac.settings import ROOT, Settings
from almanac.tables import text_table
from almanac.versions import current
from benchmarks.build import say
from benchmarks.clock import Clock, Took
from benchmarks.lakes import lakes_of

SIDES = ("afresh", "copied")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sides and print what they took; 1 if their versions differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publication", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="about so many events (default: 1,000,000)")
    parser.add_argument("--runs", type=int, default=3, help="times each side runs; the best one counts (default: 3)")
    parser.add_argument("--side", nargs=2, metavar=("NAME", "HOME"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        name, home = options.side
        say(json.dumps(vars(side(name, Settings.for_home(Path(home))))))
        return 0
    ready = _ready(options.events)
    took: dict[str, list[Took]] = {name: [] for name in SIDES}
    found: dict[str, dict[str, tuple[object, ...]]] = {}
    for _ in range(options.runs):
        for name in SIDES:
            home = ready.with_name(name)
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(ready, home)
            command = [sys.executable, "-m", "benchmarks.publication", "--side", name, str(home)]
            out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
            took[name].append(Took(**json.loads(out.splitlines()[-1])))
            found[name] = contents(Settings.for_home(home))
            shutil.rmtree(home)
    shutil.rmtree(ready)
    best = {name: min(runs, key=lambda one: one.cpu) for name, runs in took.items()}
    rows = [(f"a publication {name}", f"{one.cpu:.1f}", f"{one.wall:.1f}") for name, one in best.items()]
    say(f"\nOne more day of about {options.events:,} events, best of {options.runs}\n")
    say(text_table(["", "CPU s", "wall s"], rows, right=["CPU s", "wall s"]))
    say(f"\nratio in CPU seconds {best['copied'].cpu / best['afresh'].cpu:.2f}")
    say(f"ratio in wall time   {best['copied'].wall / best['afresh'].wall:.2f}")
    wrong = [name for name, rows in found["afresh"].items() if found["copied"].get(name) != rows]
    if wrong or found["afresh"].keys() != found["copied"].keys():
        say(f"THE VERSIONS DIFFER: {wrong}")
        return 1
    say(f"versions             equal: {len(found['afresh'])} tables, by number and hash of their rows")
    return 0


def side(name: str, settings: Settings) -> Took:
    """Publish what is built, on one of the two ways."""
    if name == "afresh":
        setattr(publication_file, "has_many_holes", lambda path: True)  # noqa: B010
    clock = Clock()
    publish(settings, [])
    return clock.took()


def contents(settings: Settings) -> dict[str, tuple[object, ...]]:
    """How many rows each table of the current version has, and the sum of their hashes."""
    version = current(settings)
    assert version
    with duckdb.connect(str(version.path), read_only=True) as con:
        names = [name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()]
        timed = {"publication", "kpi_history"}  # have the time of the publication
        query = "select count(*), sum(hash(r)) from (select {} from {}) as r"
        columns = {name: "* exclude (published_at)" if name in timed else "*" for name in names}
        return {name: con.execute(query.format(columns[name], name)).fetchall()[0] for name in names}


def _ready(events: int) -> Path:
    """A home with a published version, and with a build of one more day that is not published."""
    say(f"A lake of about {events:,} events (made once, about a minute per million), built and published.")
    lakes = lakes_of(events)
    home = lakes.history.home.with_name("publication")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(lakes.history.lake, home / "lake")
    settings = Settings.for_home(home)
    assert run_build(settings).succeeded
    publish(settings, [])
    shutil.copytree(lakes.next_day.lake, home / "lake", dirs_exist_ok=True)
    assert run_build(settings).succeeded
    return home


if __name__ == "__main__":
    raise SystemExit(main())
