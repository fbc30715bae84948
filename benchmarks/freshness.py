"""From the acknowledgement of an event to a query that sees it: `python -m benchmarks.freshness`.

A collector in its own process lands every few seconds while requests come in. A reader in this process asks again and
again, in SQL, for the events of the lake's files and of its tail. Measured is, for every event, the time from its
answer until the first query that returned it. The command ends with 1 if an event was missing, or seen twice at once.
"""

import argparse
import http.client
import os
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Sequence
from itertools import islice
from uuid import UUID

import duckdb
import msgspec
import numpy as np

from almanac.settings import Settings
from benchmarks.servers import Server, collector
from benchmarks.web_traffic import raw_events
from ingestion.lake import Lake
from ingestion.lake_tail import LakeTail, Tail

GOAL_SECONDS = 2.0
BATCH = 10


class Sender(threading.Thread):
    """Sends batches at a steady pace, and notes when each event was acknowledged (monotonic seconds)."""

    def __init__(self, server: Server, seconds: float, rate: float) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._events = raw_events(max(int(seconds * rate), BATCH), odd=0.03)
        self._pause = BATCH / rate
        self.acknowledged: dict[str, float] = {}

    def run(self) -> None:
        """Send all."""
        connection = http.client.HTTPConnection(self._server.url.removeprefix("http://"), timeout=60)
        headers = {"authorization": "Basic " + b64encode(f"{self._server.key}:".encode()).decode()}
        due = time.monotonic()
        while raws := [raw for _, raw in islice(self._events, BATCH)]:
            connection.request("POST", "/v1/batch", b'{"batch":[' + b",".join(raws) + b"]}", headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                sys.exit(f"the collector answered {answer.status}: {text.decode()}")
            now = time.monotonic()
            self.acknowledged.update((msgspec.json.decode(raw)["messageId"], now) for raw in raws)
            due += self._pause
            time.sleep(max(0.0, due - time.monotonic()))
        connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print the delays; 1 if an event was missing or twice."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.freshness", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long requests come in (default: 15)")
    parser.add_argument("--rate", type=float, default=500.0, help="events per second (default: 500)")
    parser.add_argument("--flush-seconds", default="4", help="how often the collector lands (default: 4)")
    options = parser.parse_args(arguments)
    seen: dict[str, float] = {}
    looks = 0
    cores = sorted(os.sched_getaffinity(0))
    with collector(["--flush-seconds", options.flush_seconds], cores[0]) as server:
        settings = Settings.for_home(server.home)
        sender = Sender(server, options.seconds, options.rate)
        with LakeTail(Lake.open(settings), settings.log_dir) as tail, duckdb.connect() as connection:
            lake = Lake.open(settings)
            sender.start()
            ends_at = time.monotonic() + options.seconds + 30
            while (sender.is_alive() or len(seen) < len(sender.acknowledged)) and time.monotonic() < ends_at:
                ids = _query(connection, lake, tail.read())
                looks += 1
                now = time.monotonic()
                if len(set(ids)) != len(ids):
                    sys.stderr.write("an event was seen twice at once\n")
                    return 1
                for message_id in ids:
                    seen.setdefault(message_id, now)
    missing = sender.acknowledged.keys() - seen.keys()
    if missing:
        sys.stderr.write(f"{len(missing):,} acknowledged events were never seen\n")
        return 1
    # An event may be seen before its answer has reached the sender.
    delays = np.array([max(0.0, seen[message_id] - at) for message_id, at in sender.acknowledged.items()])
    p50, p99 = np.percentile(delays, [50, 99])
    say = sys.stdout.write
    say(f"{len(delays):,} events at {options.rate:.0f} a second, a landing every {options.flush_seconds} s, ")
    say(f"{looks} queries\n\nacknowledged to visible: p50 {p50:.2f} s, p99 {p99:.2f} s, longest {delays.max():.2f} s ")
    say(f"(goal: p99 at most {GOAL_SECONDS:.0f} s)\n")
    return 0


def _query(connection: duckdb.DuckDBPyConnection, lake: Lake, found: Tail) -> list[str]:
    """The message ids of all events, of the lake's files and of its tail."""
    files = [lake.locate(entry.path) for entry in found.entries if entry.kind == "events"]
    connection.register("tail", found.events.select(["message_id"]))
    query = "select message_id from tail"
    if files:
        query += " union all by name select message_id from read_parquet(?, union_by_name = true)"
    rows = connection.execute(query, [files] if files else []).fetchall()
    return [str(UUID(str(row[0]))) for row in rows]


if __name__ == "__main__":
    sys.exit(main())
