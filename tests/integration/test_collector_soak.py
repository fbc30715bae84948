"""Half an hour of mixed load: the collector's memory, file handles and log stay flat, and nothing is lost.

`SOAK_MINUTES` makes it shorter for a look.
"""

import gzip
import http.client
import json
import os
import random
import sys
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

import pytest

from tests.integration.collector_process import CollectorProcess, lake_rows, land_what_is_left, new_key

pytestmark = [
    pytest.mark.deep,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes in /proc"),
]

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
FLUSH_SECONDS = 2.0
CLIENTS = 4
PAUSE_SECONDS = 0.01  # between two requests of a client: a busy collector, not one at its limit
PARTS = 5  # of the time; the first is for warming up, and the last is held against the second
SAMPLES = 200
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Sample:
    """What the collector holds at one moment, with the process that lands for it."""

    memory: int
    handles: int
    log: int


class MixedLoad:
    """Clients that send all kinds of things, right and wrong, and count what was answered."""

    def __init__(self, port: int, keys: list[str]) -> None:
        self.accepted: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self._port, self._keys = port, keys
        self._ends, self._lock = threading.Event(), threading.Lock()
        self.errors: list[BaseException] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send for as long as the context lasts; raises what a client raised."""
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ends.set()
            for thread in threads:
                thread.join(timeout=60)
        if self.errors:
            raise self.errors[0]

    def _client(self, number: int) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            while not self._ends.wait(PAUSE_SECONDS):
                self._send(connection, chance)
                if chance.random() < 0.02:
                    connection.close()  # the next request opens another one
        except BaseException as error:
            self.errors.append(error)
        finally:
            connection.close()

    def _send(self, connection: http.client.HTTPConnection, chance: random.Random) -> None:
        key = chance.choice(self._keys)
        headers = {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}
        events = [_event(chance) for _ in range(chance.choice((1, 1, 5, 40)))]
        path, body = "/v1/batch", json.dumps({"batch": events}).encode()
        kind = chance.random()
        if kind < 0.1:
            body, headers["content-encoding"] = gzip.compress(body, 1), "gzip"
        elif kind < 0.4:
            path, body = "/v1/track", json.dumps(events[0]).encode()
        elif kind < 0.43:
            headers = {"authorization": f"Bearer nobody-{chance.randrange(10**9)}"}
        elif kind < 0.46:
            body = body[: len(body) // 2]
        elif kind < 0.48:
            path = f"/nowhere/{chance.randrange(10**9)}"
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
        sent = 1 if path == "/v1/track" else len(events)
        with self._lock:
            self.answers[answer.status] += 1
            if answer.status == 200:
                self.accepted[key] += sent - len(document.get("errors", ()))


def _event(chance: random.Random) -> dict[str, object]:
    name = "signup_completed" if chance.random() < 0.95 else f"Unheard Of {chance.randrange(10**6)}"
    return {
        "type": "track",
        "event": name,
        "userId": f"u{chance.randrange(10**6)}",
        "messageId": str(uuid4()),
        "properties": {"filling": "x" * chance.choice((0, 10, 2_000)), f"odd_{chance.randrange(50)}": 1},
        "context": {"page": {"url": f"https://example.org/{chance.randrange(10**6)}"}},
    }


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _sample(collector: CollectorProcess, home: Path) -> Sample:
    memory = handles = 0
    for pid in _family(collector.pid):
        memory += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        handles += len(os.listdir(f"/proc/{pid}/fd"))
    log = 0
    for path in (home / "collector").iterdir():
        try:
            log += path.stat().st_size
        except FileNotFoundError:
            continue  # landed meanwhile
    return Sample(memory, handles, log)


def test_memory_handles_and_log_stay_flat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {new_key(tmp_path, tenant): tenant for tenant in ("rentals", "advisory")}
    collector = CollectorProcess(tmp_path, FLUSH_SECONDS).wait()
    load = MixedLoad(collector.port, list(keys))
    samples = []
    with load.running():
        for _ in range(SAMPLES):
            time.sleep(MINUTES * 60 / SAMPLES)
            assert not load.errors, load.errors[0]
            samples.append(_sample(collector, tmp_path))
    assert collector.stop() == 0
    land_what_is_left(tmp_path)

    size = SAMPLES // PARTS
    early, late = samples[size : 2 * size], samples[-size:]
    lines = []
    for name, allowed in (("memory", 32 * MEGABYTE), ("handles", 8), ("log", 16 * MEGABYTE)):
        before, after = (median(getattr(s, name) for s in part) for part in (early, late))
        lines.append((name, before, after, allowed))
    said = [f"{name} {before:,.0f} -> {after:,.0f}" for name, before, after, _ in lines]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{MINUTES:g} minutes, {load.accepted.total():,} events; {'; '.join(said)}; {load.answers}\n"
        )
    assert {200, 400, 401, 404} <= load.answers.keys() <= {200, 400, 401, 404}
    for name, before, after, allowed in lines:
        assert after <= before * 1.1 + allowed, f"{name} grew from {before:,.0f} to {after:,.0f}"
    landed = Counter(dict(lake_rows(tmp_path, "events", "tenant, count(*)", "true group by tenant")))
    assert landed == Counter({keys[key]: count for key, count in load.accepted.items()})
