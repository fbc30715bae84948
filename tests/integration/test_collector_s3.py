"""A collector whose lake is in a bucket that goes away: events wait in the log, readiness says so, nothing is lost."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx

from almanac.settings import Settings
from ingestion.lake import Lake
from tests import s3
from tests.integration.collector_process import eventually, new_key, running
from tests.tcp_fault import faulty_proxy


def test_events_wait_in_the_log_while_the_store_is_down(tmp_path: Path, s3_server: str) -> None:
    place = s3.new_bucket(s3_server)
    key = new_key(tmp_path)
    sent: set[str] = set()
    with faulty_proxy(s3_server) as proxy:
        environment = {
            "ALMANAC_LAKE": place.address,
            "ALMANAC_LAKE_ENDPOINT": proxy.address,
            "ALMANAC_LAKE_KEY_ID": place.key_id,
            "ALMANAC_LAKE_SECRET": place.secret,
            "ALMANAC_LAKE_TIMEOUT": "2",
        }
        with running(tmp_path, **environment) as collector, httpx.Client(base_url=collector.url, timeout=30) as client:

            def send() -> None:
                message_id = str(uuid4())
                event = {"event": "Signed Up", "userId": "u", "messageId": message_id}
                assert client.post("/v1/track", json=event, auth=(key, "")).status_code == 200
                sent.add(message_id)

            def waiting() -> int:
                return sum(path.stat().st_size for path in (tmp_path / "collector").glob("wal-*"))

            send()
            lake = Lake.open(replace(Settings.for_home(tmp_path), object_store=place))
            eventually(lambda: _ids(lake) == sent)

            proxy.cut_after = 0  # the store is down
            proxy.break_off()
            for _ in range(3):
                send()
            eventually(lambda: any("was not landed" in line or "not landed" in line for line in collector.said))
            assert waiting() > 0
            send()
            ready = client.get("/health/ready")
            assert ready.status_code in (200, 503)
            assert "failing" in ready.text or "waiting" in ready.text, ready.text
            assert not any(place.secret in line or place.key_id in line for line in collector.said)
            assert len(_ids(lake)) == 1

            proxy.mend()
            eventually(lambda: _ids(lake) == sent, seconds=90)
        assert lake.verify() == []


def _ids(lake: Lake) -> set[str]:
    return {str(row["message_id"]) for entry in lake.entries("events") for row in lake.read(entry).to_pylist()}
