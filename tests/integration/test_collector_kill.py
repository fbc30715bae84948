"""The collector is killed again and again under load: every acknowledged event is in the lake, exactly once."""

import http.client
import json
import random
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from almanac.settings import Settings
from ingestion.lake import Lake
from tests.integration.collector_process import CollectorProcess, lake_rows, land_what_is_left, new_key

CLIENTS = 4
FLUSH_SECONDS = 0.15  # so that most kills hit a landing or the sealing of a log file
LONGEST_LIFE_SECONDS = 0.8


class Load:
    """Clients that send as fast as they can, and the log of what was acknowledged to them.

    `acknowledged` are events in a 200 as accepted, `refused` those that an answer named as refused, `unknown` those
    whose answer never came: they may be in the lake or not, but not twice.
    """

    def __init__(self, keys: dict[str, str]) -> None:
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.requests = 0
        self._keys = list(keys.values())
        self._port: int | None = None
        self._changed = threading.Condition()
        self._ended = False
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send for as long as the context lasts."""
        threads = [threading.Thread(target=self._send_until_ended, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._tell(None, ended=True)
            for thread in threads:
                thread.join(timeout=60)

    def aim(self, port: int | None) -> None:
        """Send to this port from now on; None: wait."""
        self._tell(port)

    def _tell(self, port: int | None, ended: bool = False) -> None:
        with self._changed:
            self._port, self._ended = port, ended
            self._changed.notify_all()

    def _send_until_ended(self, number: int) -> None:
        chance = random.Random(number)
        port: int | None = None
        while (port := self._next_port(port)) is not None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            while self._port == port and self._send(connection, chance):
                pass
            connection.close()

    def _next_port(self, last: int | None) -> int | None:
        """Wait for a collector on another port than the last one; None if there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._port not in (None, last) or self._ended)
            return None if self._ended else self._port

    def _send(self, connection: http.client.HTTPConnection, chance: random.Random) -> bool:
        """Send one batch and note its fate; False if the connection is of no more use."""
        events = [_event(chance) for _ in range(chance.choice((1, 1, 5, 40)))]
        ids = [event["messageId"] for event in events]
        headers = {"authorization": "Basic " + b64encode(f"{chance.choice(self._keys)}:".encode()).decode()}
        try:
            connection.request("POST", "/v1/batch", json.dumps({"batch": events}), headers)
            answer = connection.getresponse()
            document = json.loads(answer.read())
        except ConnectionRefusedError:
            return False
        except (OSError, http.client.HTTPException, ValueError):
            with self._lock:
                self.unknown.update(ids)
            return False
        assert answer.status == 200 or document["code"] == "all_rejected", document
        refused = {ids[error["index"]] for error in document.get("errors", ())}
        with self._lock:
            self.requests += 1
            self.refused |= refused
            self.acknowledged |= set(ids) - refused
        return True


def _event(chance: random.Random) -> dict[str, Any]:
    name = "signup_completed" if chance.random() < 0.95 else "Unheard Of"
    properties = {"filling": "x" * chance.choice((0, 10, 2_000))}
    return {"type": "track", "event": name, "userId": "u", "messageId": str(uuid4()), "properties": properties}


def kill_again_and_again(home: Path, kills: int) -> Load:
    """Run `kills` collectors on one home, each killed at some moment of its life; then one that may end in order."""
    chance = random.Random(kills)
    load = Load({tenant: new_key(home, tenant) for tenant in ("rentals", "advisory")})
    with load.running():
        for _ in range(kills):
            collector = CollectorProcess(home, FLUSH_SECONDS).wait()
            load.aim(collector.port)
            ends_at = time.monotonic() + chance.uniform(0.0, LONGEST_LIFE_SECONDS)
            while time.monotonic() < ends_at:
                threading.Event().wait(0.005)
            collector.kill()
            load.aim(None)
    assert CollectorProcess(home, FLUSH_SECONDS).wait().stop() == 0
    land_what_is_left(home)
    return load


def check_everything(home: Path, load: Load) -> None:
    """The lake against the log of what was acknowledged."""
    accepted = Counter(row[0] for row in lake_rows(home, "events", "message_id::varchar"))
    refused = Counter(row[0] for row in lake_rows(home, "quarantine", "message_id::varchar"))
    assert load.acknowledged - accepted.keys() == set()  # nothing is lost
    assert load.refused - refused.keys() == set()
    assert accepted.keys() - load.acknowledged - load.unknown == set()  # nothing is invented
    assert refused.keys() - load.refused - load.unknown == set()
    assert accepted.keys() & refused.keys() == set()
    assert max(accepted.values()) == max(refused.values()) == 1  # nothing is there twice
    received = sum(row[0] for row in lake_rows(home, "counters", "received"))
    assert received == accepted.total() + refused.total()
    assert Lake.open(Settings.for_home(home)).verify() == []  # no half file, no stray one
    assert list((home / "lake.tmp").glob("*.part")) == []
    assert list((home / "collector").glob("wal-*")) == []
    assert not (home / "collector" / "damaged").exists()


@pytest.mark.parametrize("kills", [30, pytest.param(200, marks=pytest.mark.deep)])
def test_what_was_acknowledged_is_in_the_lake_once_after_any_number_of_kills(tmp_path: Path, kills: int) -> None:
    load = kill_again_and_again(tmp_path, kills)
    assert load.requests > 10 * kills  # otherwise nothing was tried
    assert load.refused
    check_everything(tmp_path, load)
