"""Finding what is pending among very many landings: `python -m benchmarks.pending`.

One UTC day of 10,000 tenants with three landings each. Measured is what a build does first, in a process that has read
nothing yet: the manifest, the load log, and which landings it does not hold. Beside it stands the same lake with a
document per landing (as it is without folding), and what opening so many small files costs before and after compaction.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from almanac.engines import open_warehouse
from almanac.load_log import Landing, LoadLog
from almanac.progress import progress
from almanac.settings import ROOT, Settings
from almanac.tables import text_table
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.lake_commit import folder, landing_files
from ingestion.lake_entries import MANIFEST, Commit, Entry, Kind
from ingestion.lake_manifest import encoded
from ingestion.lake_parts import file_id
from ingestion.lake_rows import counters_table, part_tables
from ingestion.lake_schema import parquet

GOAL = 5.0
DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENTS = 3  # of a landing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print it; 1 if what is pending differs between the two."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pending", description=__doc__)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--landings", type=int, default=3, help="of each tenant (default: 3)")
    parser.add_argument("--files", type=int, default=3000, help="files to open with DuckDB (default: 3,000)")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        say(json.dumps(find(Settings.for_home(Path(options.side)))))
        return 0
    place = ROOT / ".almanac" / "bench" / f"pending-{options.tenants}-{options.landings}"
    plain, folded = place / "plain", place / "folded"
    if not (place / "MADE").exists():
        shutil.rmtree(place, ignore_errors=True)
        make(plain, options.tenants, options.landings)
        shutil.copytree(plain / "lake" / MANIFEST, folded / "lake" / MANIFEST)
        Lake.open(Settings.for_home(folded)).fold(1)
        Lake.open(Settings.for_home(folded)).fold(1)
        (place / "MADE").touch()
    rows = []
    found = {}
    for name, home in (("a document per landing", plain), ("folded into checkpoints", folded)):
        for when in ("first build", "nothing new"):
            if when == "first build":
                shutil.rmtree(home / "warehouse", ignore_errors=True)
            took = measure(home)
            found[name, when] = took["pending"]
            rows.append((f"{name}, {when}", *(f"{took[key]:.2f}" for key in ("manifest", "load log", "wall", "cpu"))))
    say(f"{options.tenants:,} tenants with {options.landings} landings each: what is pending\n")
    say(
        text_table(
            ["", "manifest s", "load log s", "all s", "CPU s"],
            rows,
            right=["manifest s", "load log s", "all s", "CPU s"],
        )
    )
    wall, cpu = (max(float(row[column]) for row in rows[2:]) for column in (3, 4))
    say(f"\nfolded, at worst {wall:.2f} s, {cpu:.2f} CPU seconds (goal: at most {GOAL:.0f} s on a quiet machine)")
    say(opening(plain, options.files))
    expected = options.tenants * options.landings
    if [*found.values()] != [expected, 0] * 2:
        say(f"WHAT IS PENDING DIFFERS: {found}")
        return 1
    return 0


def measure(home: Path) -> dict[str, float]:
    """`find` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.pending", "--side", str(home)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def find(settings: Settings) -> dict[str, float]:
    """What a build does first; then everything is marked as built, so that the next one finds nothing."""
    start, cpu = time.perf_counter(), time.process_time()
    lake = Lake.open(settings)
    landings = [
        Landing(landing, entry.tenant, lake.locate(entry.path), version)
        for entry in lake.entries("events")
        for landing, version in entry.parts.items()
    ]
    read = time.perf_counter()
    with open_warehouse(settings) as engine:
        log = LoadLog(engine)
        log.sync_landings(landings)
        pending = len(log.pending())
        end, used = time.perf_counter(), time.process_time() - cpu
        log.commit("benchmark", {})
    return {"manifest": read - start, "load log": end - read, "wall": end - start, "cpu": used, "pending": pending}


def make(home: Path, tenants: int, landings: int) -> None:
    """A lake of small landings: files and documents as `Lake.land` writes them, without waiting for the disk at each.

    All landings hold the same rows, so their files are links to one: what is measured reads documents, not rows.
    """
    settings = Settings.for_home(home)
    plan, manifest = Lake.open(settings).plan, settings.lake / MANIFEST
    manifest.mkdir(parents=True)
    arrivals = [Arrival(DAY, {"type": "page", "messageId": f"m{n}", "anonymousId": f"a{n}"}) for n in range(EVENTS)]
    first = file_id("rentals", "web", "0", DAY.date())
    events, _ = part_tables(plan, "rentals", "web", arrivals, first, None)
    counter = {"tenant": "rentals", "source": "web", "received_date": DAY.date(), "file_id": first.bytes}
    tables: dict[Kind, Any] = {"events": events, "counters": counters_table([{**counter, "received": EVENTS}])}
    for kind, table in tables.items():
        (home / kind).write_bytes(parquet(kind, table))
    files = landing_files("rentals", "web", DAY.date(), first, tables)
    with progress("making the lake", tenants * landings, "landings") as p:
        for n in range(tenants * landings):
            tenant, content = f"tenant-{n // landings:05}", str(n % landings)
            one = file_id(tenant, "web", content, DAY.date())
            entries = [_as(new.entry, tenant, str(one)) for new in files]
            for entry in entries:
                path = settings.lake / entry.path
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(home / entry.kind, path)
            (manifest / f"{one}.json").write_bytes(encoded(Commit(str(one), entries)))
            p.advance()


def _as(entry: Entry, tenant: str, landing: str) -> Entry:
    path = f"{folder(entry.kind, tenant, DAY.date())}/{landing}.parquet"
    return replace(entry, tenant=tenant, path=path, parts={landing: 1})


def opening(home: Path, files: int) -> str:
    """What DuckDB needs to scan many small files, and one file with the same rows."""
    lake = Lake.open(Settings.for_home(home))
    paths = [lake.locate(entry.path) for entry in lake.entries("events")[:files]]
    one = home.with_name("one.parquet")
    with duckdb.connect() as con:
        con.execute(f"copy (from read_parquet(?, union_by_name = true)) to '{one}'", [paths])
    small, large = _seconds(lambda: _scan(paths)), _seconds(lambda: _scan([str(one)]))
    return f"DuckDB scans {len(paths):,} small files in {small:.2f} s, the same rows in one file in {large:.2f} s"


def _scan(paths: list[str]) -> None:
    with duckdb.connect() as con:
        con.execute("select count(*), max(event_at) from read_parquet(?, union_by_name = true)", [paths]).fetchall()


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
