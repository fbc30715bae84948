"""The bad-input catalogue, row 16: a body that does not arrive in time is answered 408, over a real connection.

The collector's own servers run in this process, so that the time that a body has can be made short.
"""

import asyncio
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from almanac.settings import Settings
from almanac.state import WriteKey, hash_key
from ingestion.collector import limits
from ingestion.collector.auth import KeyRing
from ingestion.collector.core import Collector
from ingestion.collector.door import Door
from ingestion.collector.enrich import Enricher
from ingestion.collector.judging import Judge
from ingestion.collector.metrics import Metrics
from ingestion.collector.quick import QuickLane
from ingestion.collector.refusals import FILE, Refusals
from ingestion.collector.server import http_server
from ingestion.collector.server_names import SERVERS, ServerName
from ingestion.collector.wal import Wal
from ingestion.enrichment import open_places
from ingestion.tracking_plan import load_plan

PLAN = load_plan()
KEY = WriteKey("1", "alm_aaaaaaaa", "rentals", "web", "", datetime(2026, 1, 1, tzinfo=UTC))
EVENT = json.dumps({"type": "track", "event": "Signed Up", "userId": "u", "messageId": "m"}).encode()
DEADLINE = 30.0  # seconds after which the test fails


def collector_in(folder: Path) -> Collector:
    """A collector with one write key, `alm_test`, that lands nothing."""
    enricher = Enricher(open_places(Settings.for_home(folder)))
    return Collector(
        judge=Judge(enricher, Door(PLAN), QuickLane(PLAN, enricher, lambda _: None)),
        keys=KeyRing(lambda: {hash_key("alm_test"): KEY}),
        wal=Wal(folder),
        refusals=Refusals(folder),
        status=dict,
        metrics=Metrics(),
    )


async def answer_to(port: int, *parts: bytes, length: int = len(EVENT)) -> tuple[int, str, dict[str, Any]]:
    """Status, head and document that a client gets who sends these parts of a body, and then waits."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alm_test\r\n"
    writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode())
    for part in parts:
        writer.write(part)
        await writer.drain()
    answered = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    size = next(int(line.split(":")[1]) for line in answered.splitlines() if line.startswith("content-length"))
    document = json.loads(await reader.readexactly(size))
    status = int(answered.split()[1])
    if status == 408:
        assert await reader.read() == b"", "the connection is closed: what may come is no request"
    writer.close()
    return status, answered, document


@pytest.mark.parametrize("server", SERVERS)
def test_16_a_body_that_does_not_arrive_in_time_is_answered_408(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ServerName
) -> None:
    async def sent() -> None:
        collector = collector_in(tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            running = http_server(server, collector, listening)
            await running.start()
            assert (await answer_to(port, EVENT[:10], EVENT[10:]))[0] == 200, "what comes in time is taken"
            monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
            for parts in ((EVENT[:10],), ()):
                status, head, problem = await answer_to(port, *parts)
                assert (status, problem["code"], problem["status"]) == (408, "request_timeout", 408)
                assert problem["message"].startswith("The body did not arrive within")
                assert "connection: close" in head
                assert "content-type: application/problem+json" in head
            monkeypatch.setattr(limits, "BODY_SECONDS", DEADLINE)
            assert (await answer_to(port, EVENT))[0] == 200, "the collector goes on"
            await running.stop()

    asyncio.run(asyncio.wait_for(sent(), DEADLINE))
    kept = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [(line["code"], line["tenant"]) for line in kept] == [("request_timeout", "rentals")] * 2
