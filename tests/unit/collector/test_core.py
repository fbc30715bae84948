"""What strangers send and what breaks inside never leaves a request without an answer that says what it was."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.collector.core import Answer, Collector, Head
from ingestion.collector.http_body import ReceivedBody
from tests.integration.test_slow_body import EVENT, collector_in

KEY = {b"authorization": b"Bearer alm_test"}


def answer(collector: Collector, method: str, path: str, query: bytes = b"", **headers: bytes) -> tuple[int, Any]:
    """Status and document of the answer to a request that sends one good event."""

    async def asked() -> Answer:
        body = ReceivedBody(None, lambda: None)
        body.feed(EVENT)
        body.finish()
        named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
        return await collector.handle(Head(method, path, query, {**KEY, **named}), body)

    given = asyncio.run(asked())
    return given.status, json.loads(given.body)


def test_a_mistake_of_ours_is_answered_and_told_without_what_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    collector = collector_in(tmp_path)

    sent = "secret"

    def broken() -> dict[str, object]:
        raise OSError(sent)

    monkeypatch.setattr(collector, "_status", broken)
    for path in ("/health/ready", "/metrics"):
        status, problem = answer(collector, "GET", path)
        assert (status, problem["code"]) == (500, "internal_error")
    assert "OSError" in caplog.text
    assert sent not in caplog.text
    assert collector._in_flight == 0


def test_an_address_with_too_many_parameters_is_told_so(tmp_path: Path) -> None:
    status, problem = answer(collector_in(tmp_path), "POST", "/v1/track", b"&".join(b"a=%d" % n for n in range(101)))
    assert (status, problem["code"]) == (400, "too_many_parameters")


@pytest.mark.parametrize("length", [b"%d" % len(EVENT), b"0" * 5_000 + b"%d" % len(EVENT), b"x"])
def test_a_length_may_be_written_in_any_way(tmp_path: Path, length: bytes) -> None:
    assert answer(collector_in(tmp_path), "POST", "/v1/track", content_length=length)[0] == 200
