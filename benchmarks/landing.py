"""From the log to typed Parquet, against the fastest thing we know: `python -m benchmarks.landing`.

Four sides take turns on the same events, each in a process of its own that goes on from run to run, as the collector's
landing does: the landing; the same from a log in which the door settled nothing; the same with every event judged the
careful way; and DuckDB, which reads the events as JSON with the same typed columns and writes them as Parquet on one
thread, judging nothing. The last is the limit.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import duckdb

from almanac.settings import Settings
from almanac.tables import text_table
from benchmarks.clock import Clock, Took
from benchmarks.web_traffic import raw_events
from ingestion.collector import records
from ingestion.collector.dialects import Unread
from ingestion.collector.door import Verdict
from ingestion.collector.enrich import Enricher
from ingestion.collector.land_log import land_file
from ingestion.collector.log_files import LogFile, load
from ingestion.collector.quick import QuickLane
from ingestion.enrichment import open_places
from ingestion.lake import Lake
from ingestion.logged_events import LoggedEvents
from ingestion.privacy.erased_since import ErasedSince
from ingestion.tracking_plan import load_plan

GOAL = 200_000
BATCH = 50  # events of one request
IN_A_ROW = 4  # of one side: under load a landing follows the other, and memory that the first got serves the next

PLAN = load_plan()


class Side(NamedTuple):
    """One way to land a file in a home; returns the events that it landed."""

    name: str
    work: Callable[[Path, Path], int]
    source: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print it; 1 if a side landed another number of events."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landing", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="events in the log (default: 100,000)")
    parser.add_argument("--odd", type=float, default=0.03, help="share of events that are late (default: 0.03)")
    parser.add_argument("--runs", type=int, default=3, help="turns of each side; the best one counts (default: 3)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as processes:
        place = Path(folder)
        log, unsettled, lines, size = _logs(place, raw_events(options.events, options.odd))
        kept, kept_whole = (path.stat().st_size / options.events for path in (log, unsettled))
        sides = [
            Side("landing", _land, log),
            Side("landing, nothing settled at the door", _land, unsettled),
            Side("landing, every event the careful way", _land_carefully, log),
            Side("DuckDB, JSON to Parquet (the limit)", _duckdb, lines),
        ]
        # A process for each: in one, what a side frees makes the next pay for getting memory anew.
        own = [processes.enter_context(ProcessPoolExecutor(1, get_context("spawn"))) for _ in sides]
        took: dict[str, list[Took]] = {side.name: [] for side in sides}
        for run in range(options.runs):
            for number, (side, process) in enumerate(zip(sides, own, strict=True)):
                landed, time = process.submit(_run, side, place / f"{run}-{number}").result()
                took[side.name].append(time)
                if landed != {options.events}:
                    sys.stderr.write(f"{side.name} landed {sorted(landed)} of {options.events:,} events\n")
                    return 1
    best = {name: min(times, key=lambda t: t.cpu) for name, times in took.items()}
    rows = [(name, f"{options.events / t.cpu:,.0f}", f"{t.wall:.2f}") for name, t in best.items()]
    head = ["", "events per CPU second", "wall s"]
    say = sys.stdout.write
    turns = f"best of {options.runs} turns of {IN_A_ROW}"
    say(f"{options.events:,} events of {size:.0f} bytes, {options.odd:.0%} of them late, {turns}\n")
    say(f"the log keeps {kept:.0f} bytes of each, {kept_whole:.0f} where nothing is settled\n\n")
    say(text_table(head, rows, right=head[1:]) + "\n\n")
    ours, whole, careful, limit = (best[side.name].cpu for side in sides)
    say(f"of the limit         {limit / ours:.0%}\n")
    say(f"nothing settled      {whole / ours:.1f} times as fast as that\n")
    say(f"of the careful way   {careful / ours:.1f} times as fast\n")
    say(f"goal                 {GOAL:,} events per CPU second: {options.events / ours / GOAL:.0%} of it\n")
    return 0


def _logs(place: Path, events: Iterable[tuple[datetime, bytes]]) -> tuple[Path, Path, Path, float]:
    """Two sealed log files with these events (as the door settles them, and with nothing settled), the same as lines of
    JSON, and the bytes of one event on average."""
    log, unsettled, lines = place / "wal-1-000001.log", place / "wal-2-000001.log", place / "events.jsonl"
    files = [LogFile(path, sync=lambda _: None) for path in (log, unsettled)]
    door = QuickLane(PLAN, Enricher(open_places(Settings.for_home(place))), lambda _: None)
    total = count = 0
    source = iter(events)
    with lines.open("wb") as out:
        while batch := list(islice(source, BATCH)):
            raws = [raw for _, raw in batch]
            judged = door.judge(Unread(raws, b"".join(raws), is_batch=True), "rentals", {}, None)
            settled = [verdict for verdict in judged if verdict is not None]
            for file, verdicts in zip(files, (settled, [Verdict(raw) for raw in raws]), strict=True):
                record = records.encode("rentals", "web", batch[0][0], len(batch), verdicts, door.settled_by)
                file.append([record])
            for raw in raws:
                out.write(raw + b"\n")
                total, count = total + len(raw), count + 1
    for file in files:
        file.close()
    return log, unsettled, lines, total / count


def _run(side: Side, home: Path) -> tuple[set[int], Took]:
    """What one side landed each time (the same, one hopes), and what the quickest of its landings in a row took."""
    landed: set[int] = set()
    times: list[Took] = []
    for _ in range(IN_A_ROW):
        home.mkdir()
        clock = Clock()
        landed.add(side.work(side.source, home))
        times.append(clock.took())
        shutil.rmtree(home)
    return landed, min(times, key=lambda took: took.cpu)


def _land(log: Path, home: Path) -> int:
    settings = Settings.for_home(home)
    accepted, _ = land_file(Lake.open(settings, PLAN), log, ErasedSince(settings))
    return accepted


def _land_carefully(log: Path, home: Path) -> int:
    """As `land_file`, with each event decoded before it is landed."""
    content = load(log)
    decoded = [records.decode(data) for data in content.records]
    arrivals = [event.arrival() for event in LoggedEvents.of(decoded)]
    lake = Lake.open(Settings.for_home(home), PLAN)
    received = {decoded[0].received_at.date(): len(arrivals)}
    return lake.land("rentals", "web", arrivals, content_hash=content.content_hash, received=received).accepted


def _duckdb(lines: Path, home: Path) -> int:
    """What a reader of JSON would write: typed columns for what the plan declares, text for context and properties."""
    known = ["type", "event", "name", "messageId", "userId", "anonymousId", "timestamp", "sentAt"]
    columns = dict.fromkeys(known, "varchar") | {"timestamp": "timestamp", "sentAt": "timestamp", "messageId": "uuid"}
    texts = "property_id property_type city q path title booking_id currency"
    properties = dict.fromkeys(texts.split(), "varchar") | {
        "price_per_night": "decimal(18,4)",
        "total": "decimal(18,4)",
    }
    properties |= {"hits": "bigint", "nights": "bigint"}
    context = {
        "library": "struct(name varchar, version varchar)",
        "device": "struct(type varchar)",
        "os": "struct(name varchar)",
        "campaign": "struct(source varchar, medium varchar, name varchar)",
        "page": "struct(path varchar, url varchar, title varchar, referrer varchar)",
        "locale": "varchar",
    }
    for name, fields in (("properties", properties), ("context", context)):
        columns[name] = f"struct({', '.join(f'{field} {kind}' for field, kind in fields.items())})"
    spec = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items()) + "}"
    target = home / "events.parquet"
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute(
            f"copy (select * exclude (context, properties), properties, context"
            f" from read_json('{lines}', format = 'newline_delimited', columns = {spec}))"
            f" to '{target}' (format parquet, compression zstd)"
        )
        row = connection.execute("select count(*) from read_parquet(?)", [str(target)]).fetchone()
    assert row
    return int(row[0])


if __name__ == "__main__":
    sys.exit(main())
