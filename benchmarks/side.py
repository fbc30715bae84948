"""One side of the comparison, once, in a process of its own: `python -m benchmarks.side models|hand|day HOME THREADS`.

Prints one line of JSON: seconds of each phase and table, wall and CPU (a model's since the one before it ended). The
process is as fresh as the worker of a real build.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from almanac.settings import Settings
from benchmarks.clock import Clock, Took
from benchmarks.day import run as run_day
from benchmarks.tables import PREFIX

HAND_SQL = Path(__file__).with_name("hand")  # one script in several files, in the order of their names
# What both sides are given before the clock runs: the load log's tables, and the files of the lake.
GIVEN = ("tenant", "local_day", "property", "outside_event")
LAKE_FILES = {
    "events": "select path from built.ctl.file where path is not null",
    "quarantine": "select path from built.ctl.lake_file where kind = 'quarantine'",
    "replays": "select path from built.ctl.lake_file where kind = 'replays'",
    "counters": "select path from built.ctl.lake_file where kind = 'counters'",
}

Phases = dict[str, Took]
_TABLE = re.compile(r"create (?:temp )?table (\w+)")


def hand_database(settings: Settings) -> Path:
    """Where the hand-written SQL puts its tables."""
    return settings.home / "hand.duckdb"


def models(settings: Settings) -> Phases:
    """Build every model anew through dbt; the load log must be as `almanac build` leaves it before and after a run."""
    clock = Clock()
    from dbt.cli.main import dbtRunner

    from almanac.dbt_parse import base_arguments, environment, parse
    from almanac.dbt_worker import close

    phases = {"start": clock.took()}
    clock = Clock()
    manifest = parse(settings)
    phases["parse"] = clock.took()
    clock = Clock()
    marks: dict[str, Took] = {}
    tables: dict[str, Took] = {}

    def mark(event: Any) -> None:
        if event.info.name == "LogStartLine":
            marks.setdefault("first", clock.took())
        if event.info.name == "LogModelResult":
            before = marks.get("last", marks["first"])
            marks["last"] = clock.took()
            tables[f"{PREFIX}{event.data.node_info.node_name}"] = marks["last"] - before

    os.environ.update(environment(settings))
    arguments = ["run", *base_arguments(settings), "--full-refresh", "--no-write-json", "--no-populate-cache"]
    result: Any = dbtRunner(manifest=manifest, callbacks=[mark]).invoke(arguments)
    close(settings)
    if not result.success:
        sys.exit(
            f"the models failed: {result.exception or [r.message for r in result.result if r.status != 'success']}"
        )
    return phases | {"before the first model": marks["first"], "statements": marks["last"] - marks["first"]} | tables


def hand(settings: Settings) -> Phases:
    """Run the hand-written SQL into a new database with the settings that the models' database has."""
    hand_database(settings).unlink(missing_ok=True)
    return _by_hand(settings, _whole)


def day(settings: Settings) -> Phases:
    """Bring the tables of `hand` up to what the models' database has been built from since."""
    return _by_hand(settings, _more)


def _by_hand(settings: Settings, work: Callable[[Any, list[str], dict[str, list[str]], Clock], Phases]) -> Phases:
    clock = Clock()
    import duckdb

    from almanac.engines import NEW_FILES

    phases = {"start": clock.took()}
    config = NEW_FILES | ({"threads": settings.threads} if settings.threads else {})
    with duckdb.connect(str(hand_database(settings)), config=config) as con:
        con.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false; set parquet_metadata_cache = true")
        con.execute(f"attach '{settings.warehouse}' as built (read_only)")
        schemas = dict(con.execute("select kind, path from built.ctl.lake_schema").fetchall())
        files = {kind: [schemas[kind], *_first_column(con, query)] for kind, query in LAKE_FILES.items()}
        con.execute("create table if not exists landed (file_id uuid)")
        new = "select path from built.ctl.file where path is not null and file_id not in (from landed)"
        files["day"] = [schemas["events"], *_first_column(con, new)]
        con.execute("create or replace table landed as select file_id from built.ctl.file")
        for name in GIVEN:
            con.execute(f"create temp table {name} as from built.ctl.{name}")
        con.execute("detach built")
        clock = Clock()
        for kind in ("quarantine", "replays", "counters"):
            # This reads what each file says of itself, as the first model does.
            con.execute(f"create temp view lake_{kind} as {_reading(files[kind])}")
        script = "\n".join(part.read_text(encoding="utf-8") for part in sorted(HAND_SQL.glob("[0-9]_*.sql")))
        statements = [one.query for one in duckdb.extract_statements(script)]
        return phases | work(con, statements, files, clock) | {"statements": clock.took()}


def _whole(con: Any, statements: list[str], files: dict[str, list[str]], clock: Clock) -> Phases:
    con.execute(f"create temp view lake_events as {_reading(files['events'])}")
    tables: Phases = {}
    for statement in statements:
        before = clock.took()
        con.execute(statement)
        if made := _TABLE.search(statement):
            tables[f"{PREFIX}{made[1]}"] = clock.took() - before
    return tables


def _more(con: Any, statements: list[str], files: dict[str, list[str]], clock: Clock) -> Phases:
    return run_day(con, statements, _reading(files["day"]), _reading(files["events"]), clock)


def _reading(paths: list[str]) -> str:
    listed = ", ".join(f"'{path}'" for path in paths)
    return f"from read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"


def _first_column(con: Any, query: str) -> list[str]:
    return [value for (value,) in con.execute(query).fetchall()]


SIDES: dict[str, Callable[[Settings], Phases]] = {"models": models, "hand": hand, "day": day}

if __name__ == "__main__":
    # dbt writes to standard output what it cannot log; this process's own answer must stand alone there.
    answer = os.dup(1)
    os.dup2(2, 1)
    settings_given = replace(Settings.for_home(Path(sys.argv[2])), threads=int(sys.argv[3]))
    phases_found = SIDES[sys.argv[1]](settings_given)
    os.write(answer, json.dumps({name: asdict(took) for name, took in phases_found.items()}).encode())
