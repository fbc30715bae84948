"""What the collector tells about itself: counts for Prometheus, log lines without anything that was sent."""

import json
import socket
from pathlib import Path
from uuid import uuid4

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.collector_process import eventually, lake_rows, new_key, running

IP = "203.0.113.77"
PERSON = "ada.lovelace@example.org"


def counts(url: str) -> dict[str, float]:
    """Every sample of `/metrics`, as `name{label value,...}`."""
    answer = httpx.get(f"{url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {
        sample.name.removeprefix("almanac_collector_")
        + ("{" + ",".join(sample.labels.values()) + "}" if sample.labels else ""): sample.value
        for sample in samples
    }


def signed_up(**fields: object) -> dict[str, object]:
    return {"type": "track", "event": "Signed Up", "userId": PERSON, "messageId": str(uuid4()), **fields}


def test_requests_events_and_the_log_are_counted(tmp_path: Path) -> None:
    key, slow = new_key(tmp_path), new_key(tmp_path, events_per_second=0.01)
    with running(tmp_path) as collector, httpx.Client(base_url=collector.url, timeout=30) as client:
        before = counts(collector.url)
        assert before["accepting{}"] == 1
        batch = {"batch": [signed_up(), signed_up(), signed_up(event="Unheard Of")]}
        for _ in range(2):
            assert client.post("/v1/batch", json=batch, auth=(key, "")).status_code == 200
        client.post("/v1/track", json=signed_up(), auth=("alm_nobody", ""))
        for _ in range(2):
            client.post("/v1/track", json=signed_up(), auth=(slow, ""))
        client.get(f"/v1/projects/{key}/settings")
        eventually(lambda: counts(collector.url)["landed_accepted_events_total"] == 5)
        seen = counts(collector.url)
    assert seen["requests_total{/v1/batch,200}"] == 2
    assert seen["requests_total{/v1/track,401}"] == 1
    assert seen["requests_total{/v1/track,429}"] == 1
    assert seen["refused_requests_total{rate_limited}"] == 1
    assert seen["events_received_total"] == 7
    assert seen["events_accepted_total"] == 5
    assert seen["events_refused_total{unknown_event}"] == 2
    assert seen["landed_quarantined_events_total"] == 2
    assert seen["commit_seconds_count"] == seen["commit_requests_count"] == 3
    assert seen["commit_requests_bucket{1}"] == 3
    assert seen["log_bytes_total"] > 500
    assert seen["waiting_files"] == 0
    assert 0 <= seen["keys_age_seconds"] < 10
    assert not [name for name in seen if key in name]
    assert len(lake_rows(tmp_path, "events", "1")) == 5


def test_no_log_line_holds_a_key_a_body_or_an_address(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    with running(tmp_path, options=("--log-format", "json")) as collector:
        with httpx.Client(base_url=collector.url, timeout=30, headers={"x-forwarded-for": IP}) as client:
            for event in (signed_up(context={"ip": IP}, writeKey=key), signed_up(event=PERSON)):
                client.post("/v1/track", json=event, auth=(key, ""))
            client.post("/v1/track", content=json.dumps(signed_up())[:-1], auth=(key, ""))
            client.post(f"/v1/track?writeKey={key}", json=signed_up(), auth=(key, ""))
            client.get(f"/v1/projects/{key}/settings")
            client.post(f"/{key}/{PERSON}", json=signed_up(ip=IP), auth=(key, ""))
        cut_off = socket.create_connection(("127.0.0.1", collector.port))
        cut_off.sendall(f"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{PERSON}".encode())
        cut_off.close()
        eventually(lambda: lake_rows(tmp_path, "events", "1") and counts(collector.url)["waiting_files"] == 0)
        (tmp_path / "lake").rename(tmp_path / "away")
        (tmp_path / "lake").write_text("")  # a landing that fails is worth a line
        httpx.post(f"{collector.url}/v1/track", json=signed_up(), auth=(key, ""), timeout=30)
        eventually(lambda: any("was not landed" in line for line in collector.said))
        (tmp_path / "lake").unlink()
        (tmp_path / "away").rename(tmp_path / "lake")
        assert collector.stop() == 0
    lines = [line for line in collector.said if line.strip()]
    for line in lines:
        document = json.loads(line)
        assert {"at", "level", "logger", "process", "message"} <= document.keys()
        for secret in (key, key[12:], PERSON, IP, "Signed Up"):
            assert secret not in line
    assert lines
