"""What a write key may send, and what happens to requests while the collector ends."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ingestion.collector.server_names import SERVERS
from tests.integration.collector_process import (
    CollectorProcess,
    eventually,
    lake_rows,
    land_rest,
    new_key,
    running,
)


def batch(events: int, **properties: Any) -> dict[str, Any]:
    event = {"type": "track", "event": "Signed Up", "userId": "u", "properties": properties}
    return {"batch": [{**event, "messageId": str(uuid4())} for _ in range(events)]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("collector")


@pytest.fixture(scope="module")
def collector(home: Path) -> Iterator[CollectorProcess]:
    with running(home) as collector:
        yield collector
        assert collector.stop() == 0


def post(collector: CollectorProcess, key: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{collector.url}/v1/batch", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30)


def test_33_a_key_that_sends_too_fast_is_told_when_to_come_again(collector: CollectorProcess, home: Path) -> None:
    slow, free = new_key(home, events_per_second=0.1), new_key(home)
    assert post(collector, slow, batch(3)).status_code == 200  # a batch passes whole, and is waited for afterwards
    answer = post(collector, slow, batch(1))
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 20 <= int(answer.headers["retry-after"]) <= 30
    assert answer.headers["x-ratelimit-limit"] == "0.1"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert int(answer.headers["x-ratelimit-reset"]) > time.time()
    told = {name for name in answer.headers if name.startswith("x-ratelimit-")} | {"retry-after"}
    assert told == set(answer.headers["access-control-expose-headers"].split(", "))  # or a page's script sees none
    in_body = httpx.post(f"{collector.url}/v1/batch", json={**batch(1), "writeKey": slow}, timeout=30)
    assert in_body.status_code == 429
    assert post(collector, free, batch(3)).status_code == 200


def test_a_key_may_be_allowed_larger_requests(collector: CollectorProcess, home: Path) -> None:
    large = batch(40, filling="x" * 25_000)
    assert post(collector, new_key(home), large).json()["code"] == "batch_too_large"
    key = new_key(home, body_bytes=4_000_000)
    assert post(collector, key, large).json()["accepted"] == 40
    answer = post(collector, key, batch(200, filling="x" * 25_000))
    assert (answer.status_code, answer.json()["limit"]) == (413, 4_000_000)


@pytest.mark.parametrize("server", SERVERS)
def test_who_is_refused_before_the_body_was_read_hears_why(tmp_path: Path, server: str) -> None:
    body = json.dumps(batch(400, filling="x" * 1_000)).encode()
    with running(tmp_path, options=("--server", server)) as collector:
        connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=30)
        bearer = {"authorization": "Bearer nobody"}
        for path, headers, status in 30 * [
            ("/v1/batch", bearer, 401),
            ("/v1/batch?writeKey=k", {}, 400),
            ("/nowhere", bearer, 404),
            ("/v1/settings", bearer, 404),
        ]:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
            assert connection.sock is not None, "the connection was closed"


@pytest.mark.parametrize("server", SERVERS)
def test_asked_to_end_it_finishes_what_was_begun_and_accepts_nothing_new(tmp_path: Path, server: str) -> None:
    key = new_key(tmp_path)
    with running(tmp_path, options=("--server", server)) as collector:
        begun, event = _begin(collector, key)
        with httpx.Client(base_url=collector.url, auth=(key, ""), timeout=30) as client:
            assert client.get("/health/live").status_code == 200  # its connection is open when the end begins
            ended = threading.Thread(target=collector.stop)
            asked_at = time.monotonic()
            ended.start()
            answer = eventually(lambda: _unless_accepted(client))
            assert (answer.status_code, answer.json()["code"]) == (503, "draining")
            assert int(answer.headers["retry-after"]) > 0
        begun.sendall(b'"}')
        assert b" 200 " in begun.recv(10_000).split(b"\r\n")[0]
        ended.join()
        assert time.monotonic() - asked_at < 10
        assert collector.process.returncode == 0
    land_rest(tmp_path)
    assert [row[0] for row in lake_rows(tmp_path, "events", "user_id", f"message_id::varchar = '{event}'")] == ["u"]


def _unless_accepted(client: httpx.Client) -> httpx.Response | None:
    answer = client.post("/v1/batch", json=batch(1))
    return None if answer.status_code == 200 else answer


def _begin(collector: CollectorProcess, key: str) -> tuple[socket.socket, str]:
    """A request whose last two bytes are still to come, and its message id."""
    event = str(uuid4())
    body = json.dumps({"type": "track", "event": "Signed Up", "messageId": event, "userId": "u"}).encode()
    head = f"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    begun = socket.create_connection(("127.0.0.1", collector.port), timeout=30)
    begun.sendall(head.encode() + body[:-2])
    return begun, event
