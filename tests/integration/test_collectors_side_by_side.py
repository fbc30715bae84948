"""Several collectors on one lake, each with a log folder of its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx

from almanac.settings import Settings
from ingestion.lake import Lake
from tests.integration.collector_process import CollectorProcess, lake_rows, land_what_is_left, new_key, running


def test_what_each_of_them_acknowledged_is_in_the_lake_once(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    key = new_key(first)
    shared = {"ALMANAC_LAKE": str(first / "lake"), "ALMANAC_STATE_URL": f"sqlite:///{first / 'state.db'}"}
    with running(first, 0.1) as one, running(second, 0.1, **shared) as other, ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(_send, collector, key) for collector in (one, other, one, other)]
        acknowledged = [id_ for ids in sent for id_ in ids.result()]
        assert one.stop() == other.stop() == 0
    land_what_is_left(first)
    land_what_is_left(second, **shared)
    landed = Counter(row[0] for row in lake_rows(first, "events", "message_id::varchar"))
    assert landed == Counter(acknowledged)
    assert Lake.open(Settings.for_home(first)).verify() == []
    assert not (second / "lake").exists()


def _send(collector: CollectorProcess, key: str) -> list[str]:
    """Send for a while, in many landings; returns the message ids that were acknowledged."""
    acknowledged: list[str] = []
    with httpx.Client(base_url=collector.url, auth=(key, ""), timeout=60) as client:
        for _ in range(40):
            ids = [str(uuid4()) for _ in range(5)]
            batch = [{"type": "track", "event": "Signed Up", "userId": "u", "messageId": id_} for id_ in ids]
            assert client.post("/v1/batch", json={"batch": batch}).status_code == 200
            acknowledged += ids
    return acknowledged
