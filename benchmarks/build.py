"""A full build of the models against hand-written SQL with the same guarantees: `python -m benchmarks.build`.

Both sides run in this process, taking turns, on the same lake; their tables are compared row by row. Measured is from
the first to the last model statement; what dbt needs before that stands beside it. CPU seconds and the ratio count:
wall time depends on what else the machine does.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt, base_arguments, close, environment
from almanac.engines import open_warehouse
from almanac.settings import Settings
from benchmarks.world import files_of, lake_of
from ingestion.lake_manifest import Kind

HAND = Path(__file__).with_name("hand.sql")
GOAL, LIMIT = 1.5, 8.0
LAKE_KINDS: tuple[Kind, ...] = ("events", "quarantine", "counters")


@dataclass(frozen=True)
class Took:
    """What a piece of work took."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        """Both figures in seconds."""
        return f"{self.cpu:7.2f} {self.wall:7.2f}"


class Clock:
    """Wall and CPU time of this process and its threads since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), _cpu()

    def took(self) -> Took:
        """What it took up to now."""
        return Took(time.monotonic() - self._wall, _cpu() - self._cpu)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def models(settings: Settings, manifest: Any) -> tuple[Took, Took]:
    """Build every model anew through dbt: from first to last model statement, and dbt's own time before that."""
    from dbt.cli.main import dbtRunner

    marks: dict[str, Took] = {}
    clock = Clock()

    def mark(event: Any) -> None:
        if event.info.name == "LogStartLine":
            marks.setdefault("first", clock.took())
        if event.info.name == "LogModelResult":
            marks["last"] = clock.took()

    os.environ.update(environment(settings))
    result = dbtRunner(manifest=manifest, callbacks=[mark]).invoke(
        ["run", *base_arguments(settings), "--full-refresh", "--no-write-json", "--no-populate-cache"]
    )
    close(settings)
    if not result.success:
        outcomes = getattr(result.result, "results", None) or ()
        sys.exit(f"the models failed: {result.exception or [r.message for r in outcomes if r.message]}")
    first, last = marks["first"], marks["last"]
    return Took(last.wall - first.wall, last.cpu - first.cpu), first


def hand(settings: Settings, database: Path) -> Took:
    """Run the hand-written SQL into a new database."""
    database.unlink(missing_ok=True)
    with open_warehouse(settings, read_only=True) as engine:
        tenants = engine.connection.execute("from ctl.tenant").to_arrow_table()
        local_days = engine.connection.execute("from ctl.local_day").to_arrow_table()
    with duckdb.connect(str(database)) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute("set preserve_insertion_order = false")
        for kind in LAKE_KINDS:
            listed = ", ".join(f"'{path}'" for path in files_of(settings, kind))
            rows = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
            con.execute(f"create view lake_{kind} as from {rows}")
        for name, table in (("tenant", tenants), ("local_day", local_days)):
            con.register("given", table)
            con.execute(f"create table {name} as from given")
            con.unregister("given")
        clock = Clock()
        con.execute(HAND.read_text(encoding="utf-8"))
        return clock.took()


def differences(settings: Settings, database: Path) -> dict[str, tuple[int, int]]:
    """Tables of the hand-written side whose rows differ from the model of that name (only there, only here)."""
    found = {}
    with duckdb.connect() as con:
        con.execute(f"attach '{settings.warehouse}' as built (read_only)")
        con.execute(f"attach '{database}' as hand (read_only)")
        schemas = dict(
            con.execute("select table_name, schema_name from duckdb_tables() where database_name = 'built'").fetchall()
        )
        names = con.execute("select table_name from duckdb_tables() where database_name = 'hand'").fetchall()
        for (name,) in names:
            if name in ("tenant", "local_day"):
                continue
            ours, theirs = f"built.{schemas[name]}.{name}", f"hand.{name}"
            columns = [r[0] for r in con.execute(f"describe {ours}").fetchall()]
            listed = ", ".join(f"round({c}, 9) as {c}" if c == "value" else c for c in columns)
            pair = [
                (con.execute(f"select count(*) from (select {listed} from {a} except all select {listed} from {b})")
                 .fetchone() or (0,))[0]
                for a, b in ((theirs, ours), (ours, theirs))
            ]  # fmt: skip
            if pair != [0, 0]:
                found[name] = (pair[0], pair[1])
    return found


def main(arguments: Sequence[str]) -> int:
    """Run the comparison and print it; 1 if the outputs differ."""
    parser = argparse.ArgumentParser(prog="benchmarks.build", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="about so many events (default: 1,000,000)")
    parser.add_argument("--runs", type=int, default=3, help="times each side runs; the best one counts (default: 3)")
    options = parser.parse_args(arguments)
    say = sys.stdout.write
    say(f"a lake of about {options.events:,} events (made once, about a minute per million) ...\n")
    settings = lake_of(options.events)
    database = settings.home / "hand.duckdb"
    dbt = WarmDbt()
    clock = Clock()
    manifest = dbt.manifest(settings)
    parse = clock.took()
    result = run_build(settings, runner=dbt, full_refresh=True)
    if not result.succeeded:
        sys.exit(f"the build failed: {result.error or [n.name for n in result.failed]}")
    pairs = []
    for _ in range(options.runs):
        built, before = models(settings, manifest)
        pairs.append((built, before, hand(settings, database)))
    differs = differences(settings, database)
    with open_warehouse(settings, read_only=True) as engine:
        events = engine.execute("select count(*) from marts.fact_events")[0][0]
    clock = Clock()
    run_build(settings, runner=dbt)
    nothing_new = clock.took()
    ours = min((p[0] for p in pairs), key=lambda took: took.cpu)
    theirs = min((p[2] for p in pairs), key=lambda took: took.cpu)
    say(f"\n{events:,} accepted events, best of {options.runs}     CPU s  wall s\n")
    say(f"models, first to last statement        {ours}\n")
    say(f"hand-written SQL                       {theirs}\n")
    say(f"dbt parse, once per build              {parse}\n")
    say(f"dbt before the first model             {min((p[1] for p in pairs), key=lambda t: t.cpu)}\n")
    say(f"a build with nothing new               {nothing_new}\n\n")
    ratio, per_million = ours.cpu / theirs.cpu, theirs.cpu / events * 1e6
    say(f"ratio of CPU seconds {ratio:.2f} (goal: at most {GOAL}), of wall {ours.wall / theirs.wall:.2f}\n")
    say(f"hand-written SQL: {per_million:.1f} CPU seconds per million events (at most {LIMIT:.0f})\n")
    say("the outputs are equal\n" if not differs else f"THE OUTPUTS DIFFER (hand only, models only): {differs}\n")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
