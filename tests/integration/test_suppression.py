"""Suppressed people end to end: nothing of them is anywhere on the disk, and they are counted."""

import gzip
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from click.testing import CliRunner

from ingestion.privacy.cli import COMMANDS
from tests.integration.collector_process import eventually, lake_rows, land_rest, new_key, running

SUPPRESSED = "almanac_collector_events_suppressed"
USER, VISITOR, EMAIL = "suppressed-user-5f1c", "suppressed-visitor-77ab", "suppressed.person@mail.example"


def signed_up(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Signed Up", "userId": "u1", "messageId": str(uuid4()), **fields}


def suppress(home: Path, *arguments: str) -> None:
    result = CliRunner().invoke(
        COMMANDS["suppress"], [arguments[0], "--tenant", "rentals", *arguments[1:]], env={"ALMANAC_HOME": str(home)}
    )
    assert result.exit_code == 0, result.output


def test_no_byte_of_a_suppressed_person_is_kept_and_the_books_balance(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    suppress(tmp_path, "add", "--user-id", USER, "--email", EMAIL)
    with running(tmp_path, flush_seconds=3600) as collector:
        client = httpx.Client(base_url=collector.url, auth=(key, ""), timeout=30)

        def send(*events: dict[str, Any]) -> dict[str, Any]:
            answer = client.post("/v1/batch", json={"batch": events})
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        about = [
            signed_up(userId=USER),
            signed_up(userId=USER, event="Unheard Of"),
            {"type": "identify", "userId": "u2", "traits": {"email": EMAIL.upper()}},
            {"type": "alias", "userId": "u3", "previousId": USER},
        ]
        assert send(signed_up(), *about, signed_up(event="Unheard Of"))["accepted"] == 4
        # Nobody can ask whether somebody is suppressed: the answer is that to anybody's event.
        assert client.post("/v1/track", json=about[0]).json() == {"success": True, "accepted": 1, "rejected": 0}
        assert client.post("/v1/track", json=about[1]).json()["code"] == "unknown_event"
        # Bodies that cannot be read are kept with their reason, but not if they name somebody who is suppressed.
        assert client.post("/v1/track", content=json.dumps(about[0])[:-1]).status_code == 400
        assert client.post("/v1/track", content=gzip.compress(b'{"userId":"' + USER.encode())).status_code == 400
        # An id that is suppressed while the collector runs is dropped seconds later.
        suppress(tmp_path, "add", "--anonymous-id", VISITOR)

        def suppressed_events() -> float:
            (line,) = (one for one in client.get("/metrics").text.splitlines() if one.startswith(SUPPRESSED))
            return float(line.split()[-1])

        def is_dropped() -> bool:
            before = suppressed_events()
            client.post("/v1/track", json=signed_up(userId=None, anonymousId=VISITOR, event="Unheard Of"))
            return suppressed_events() > before

        eventually(is_dropped, seconds=10)
        logs = list((tmp_path / "collector").glob("wal-*.log"))
        assert logs
        for trace in (USER, EMAIL, EMAIL.upper()):
            assert all(trace.encode() not in log.read_bytes() for log in logs)
        assert collector.stop() == 0
        said = "".join(collector.said)
    land_rest(tmp_path)
    rows = [str(row) for kind in ("events", "quarantine") for row in lake_rows(tmp_path, kind, "*")]
    kept = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    for trace in (USER, EMAIL, EMAIL.upper()):
        assert trace not in said
        assert all(trace not in row for row in rows)
        assert all(trace.encode() not in content for content in kept)
    ((received, suppressed),) = lake_rows(tmp_path, "counters", "sum(received), sum(suppressed)")
    stored = sum(len(lake_rows(tmp_path, kind, "1")) for kind in ("events", "quarantine"))
    assert suppressed >= 6
    assert received == stored + suppressed
