"""A disk that is full: whatever lies on it, clients are told clearly, and everything goes on once there is room."""

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.disks import fill, small_disk
from tests.integration.collector_process import CollectorProcess, eventually, lake_rows, new_key, running

ON_IT = {"everything": ".", "the log": "collector", "the lake": "disk"}


def post(collector: CollectorProcess, key: str) -> tuple[httpx.Response, list[str]]:
    """Send a batch of about 50 KB; returns the answer and the message ids."""
    ids = [str(uuid4()) for _ in range(20)]
    events: list[dict[str, Any]] = [
        {"type": "track", "event": "Signed Up", "userId": "u", "messageId": id_, "properties": {"x": "x" * 2_500}}
        for id_ in ids
    ]
    return httpx.post(f"{collector.url}/v1/batch", json={"batch": events}, auth=(key, ""), timeout=60), ids


@pytest.mark.parametrize("what", ON_IT)
def test_34_clients_hear_that_the_disk_is_full_and_nothing_acknowledged_is_lost(tmp_path: Path, what: str) -> None:
    home = tmp_path / "home"
    with small_disk(home / ON_IT[what], 24) as disk:
        if what == "the lake":  # with the folder beside it, in which its files are written first
            for name in ("lake", "lake.tmp"):
                (disk / name).mkdir()
                (home / name).symlink_to(disk / name)
        key, acknowledged = new_key(home), set[str]()
        with running(home) as collector:
            answer, ids = post(collector, key)
            assert answer.status_code == 200
            acknowledged.update(ids)
            filler = fill(disk)
            # A lake that is full keeps nobody from sending: the log has room.
            refused = 0
            for _ in range(100):
                answer, ids = post(collector, key)
                if answer.status_code == 200:
                    acknowledged.update(ids)
                    continue
                assert (answer.status_code, answer.json()["code"]) in {(503, "storage_full"), (503, "storage_error")}
                assert int(answer.headers["retry-after"]) > 0
                refused += 1
                if refused == 3:
                    break
            ready = httpx.get(f"{collector.url}/health/ready")
            if what == "the lake":
                assert refused == 0
                eventually(lambda: httpx.get(f"{collector.url}/health/ready").json()["failing_files"] > 0)
            else:
                assert (ready.status_code, ready.json()["code"]) in {(503, "storage_full"), (503, "storage_error")}
            filler.unlink()
            answer, ids = eventually(lambda: _accepted(collector, key), seconds=60)
            acknowledged.update(ids)
            eventually(lambda: httpx.get(f"{collector.url}/health/ready").json()["waiting_files"] == 0, seconds=60)
            assert collector.stop() == 0
        landed = Counter(row[0] for row in lake_rows(home, "events", "message_id::varchar"))
        assert acknowledged - landed.keys() == set()
        assert max(landed.values()) == 1


def _accepted(collector: CollectorProcess, key: str) -> tuple[httpx.Response, list[str]] | None:
    answer, ids = post(collector, key)
    return (answer, ids) if answer.status_code == 200 else None
