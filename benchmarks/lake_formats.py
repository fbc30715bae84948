"""Our manifest against DuckLake, one run on one machine: `make bench-lake` (ARGS="--landings 200" is quicker).

The same landings, the same erasures. Seconds are CPU seconds of this process, because the machine may be busy; both
sides land Arrow tables that are ready, so what is compared is the format. Needs the package duckdb-extension-ducklake,
which nothing else does: `.venv/bin/uv pip install duckdb-extension-ducklake==1.5.5`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import duckdb
import pyarrow as pa

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.lake_commit import commit_files, landing_files
from ingestion.lake_manifest import Manifest
from ingestion.lake_parts import file_id
from ingestion.lake_schema import schema_of
from ingestion.lake_store import open_store

DAY, ROWS = date(2026, 3, 1), 500
Landings = list[tuple[UUID, pa.Table]]
Results = dict[str, list[float]]


def timed(call: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds and the result."""
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def tables(lake: Lake, landings: int) -> Landings:
    """Landings of one tenant and day, as typed events."""
    schema = schema_of("events", lake.plan)
    made = []
    for n in range(landings):
        own = file_id("rentals", "web", f"landing {n}", DAY)
        received = datetime(2026, 3, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(seconds=n)
        columns = {
            "tenant": ["rentals"] * ROWS,
            "source": ["web"] * ROWS,
            "message_id": [UUID(int=n * ROWS + i).bytes for i in range(ROWS)],
            "type": ["track"] * ROWS,
            "event": ["search_performed"] * ROWS,
            "user_id": [f"user-{(n * ROWS + i) % 10_000}" for i in range(ROWS)],
            "event_at": [received] * ROWS,
            "received_at": [received] * ROWS,
            "properties": [f'{{"query":"flat {i}"}}' for i in range(ROWS)],
            "file_id": [own.bytes] * ROWS,
            "ingest_row": list(range(ROWS)),
        }
        empty = {name: pa.nulls(ROWS, schema.field(name).type) for name in schema.names}
        arrays = {name: pa.array(columns[name], schema.field(name).type) for name in columns}
        made.append((own, pa.table({**empty, **arrays}, schema=schema)))
    return made


def ours(home: Path, landings: Landings, erasures: int, results: Results) -> int:
    """Commit, read, erase, compact and verify with the manifest; the rows that are left."""
    settings = Settings.for_home(home)
    lake, store = Lake.open(settings), open_store(settings)
    manifest = Manifest(store)

    def land() -> None:
        for own, table in landings:
            with store.lock():
                commit_files(store, manifest, str(own), landing_files("rentals", "web", DAY, own, {"events": table}))

    def count() -> int:
        paths = [lake.locate(entry.path) for entry in Lake.open(settings).entries("events")]
        with lake.engine() as connection:
            found = connection.execute("select count(*), count(distinct user_id) from read_parquet(?)", [paths])
            return int((found.fetchone() or (0,))[0])

    def erase() -> None:
        for n in range(erasures):
            for entry in lake.entries("events"):
                lake.rewrite(entry.path, f"user_id = 'user-{n}'")

    record(results, "commit", land)
    record(results, "read", count)
    record(results, "compaction", lambda: lake.compact(DAY + timedelta(days=1), keep=timedelta(0)))
    record(results, "read, compacted", count)
    record(results, "erasure", erase)
    record(results, "verification", lake.verify)
    return count()


def ducklake(
    folder: Path, landings: list[tuple[UUID, pa.Table]], erasures: int, results: dict[str, list[float]]
) -> int:
    """The same with DuckLake and its DuckDB catalogue."""
    extension = files("duckdb_extension_ducklake") / "extensions" / f"v{duckdb.__version__}"
    connection = duckdb.connect(config={"threads": 1})
    connection.execute(f"load '{extension / 'ducklake.duckdb_extension'}'")
    options = f"data_path '{folder / 'data'}', data_inlining_row_limit 0"
    connection.execute(f"attach 'ducklake:{folder / 'catalog.ducklake'}' as dl ({options})")
    first = landings[0][1]
    connection.register("first", first)
    connection.execute("create table dl.events as select * from first limit 0")
    connection.execute("create table dl.landed (file_id uuid)")

    def land() -> None:
        for own, table in landings:
            connection.register("landing", table)
            connection.execute("begin")
            # A landing that was made already is a no-op: here that is a look-up of our own.
            if not connection.execute("select 1 from dl.landed where file_id = ?", [own]).fetchone():
                connection.execute("insert into dl.events select * from landing")
                connection.execute("insert into dl.landed values (?)", [own])
            connection.execute("commit")

    def count() -> int:
        return int(
            (connection.execute("select count(*), count(distinct user_id) from dl.events").fetchone() or (0,))[0]
        )

    def compact() -> None:
        connection.execute("call ducklake_merge_adjacent_files('dl')")

    def erase() -> None:
        for n in range(erasures):
            connection.execute("delete from dl.events where user_id = ?", [f"user-{n}"])
        # A deletion leaves the row in its file until the file is written anew and the old one is cleaned up.
        connection.execute("call ducklake_rewrite_data_files('dl', 'events', delete_threshold => 0)")
        connection.execute("call ducklake_expire_snapshots('dl', older_than => now()::timestamptz)")
        connection.execute("call ducklake_cleanup_old_files('dl', cleanup_all => true)")

    record(results, "commit", land)
    record(results, "read", count)
    record(results, "compaction", compact)
    record(results, "read, compacted", count)
    record(results, "erasure", erase)
    record(results, "verification", lambda: connection.execute("select sum(hash(events)) from dl.events").fetchone())
    return count()


def record(results: Results, name: str, call: Callable[[], object]) -> None:
    """Note what `call` costs, and say so on standard error at once."""
    seconds, _ = timed(call)
    results.setdefault(name, []).append(seconds)
    print(f"  {name}: {seconds:.2f} s", file=sys.stderr)


def main() -> None:
    """Run both sides and print one line for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--landings", type=int, default=1000)
    parser.add_argument("--erasures", type=int, default=10)
    options = parser.parse_args()
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="almanac-formats-") as folder:
        home = Path(folder)
        landings = tables(Lake.open(Settings.for_home(home / "ours")), options.landings)
        left = []
        for name, run in (("manifest", ours), ("DuckLake", ducklake)):
            print(name, file=sys.stderr)
            (home / name).mkdir()
            left.append(run(home / name, landings, options.erasures, results))
    print(f"{options.landings:,} landings of {ROWS} events, {options.erasures} people erased; CPU seconds")
    print(f"{'':<18}{'manifest':>10}{'DuckLake':>10}{'ratio':>8}")
    for name, (own, other) in results.items():
        print(f"{name:<18}{own:>10.2f}{other:>10.2f}{own / max(other, 1e-9):>8.2f}")
    if left[0] != left[1]:
        raise SystemExit(f"the two do not hold the same rows: {left[0]:,} and {left[1]:,}")
    rooms = sorted(Path(__file__).resolve().parents[1].glob("ingestion/lake*.py"))
    lines = sum(len(room.read_text(encoding="utf-8").splitlines()) for room in rooms)
    print(f"both hold {left[0]:,} rows; the lake is {lines:,} lines of our own in {len(rooms)} files")


if __name__ == "__main__":
    main()
