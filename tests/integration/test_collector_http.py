"""The collector over HTTP, as a process: what it answers, what it keeps, and what of it is found in the lake."""

import gzip
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner

from almanac.settings import Settings
from ingestion.collector.cli import COMMANDS
from ingestion.lake import Lake
from tests.integration import both_servers
from tests.integration.collector_process import CollectorProcess, eventually, lake_rows, new_key, running

IP = "203.0.113.77"
home, key, collector = both_servers.home, both_servers.key, both_servers.collector
client, stranger = both_servers.client, both_servers.stranger


def signed_up(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Signed Up", "userId": "u1", "messageId": str(uuid4()), **fields}


def landed(home: Path, message_id: str, columns: str = "*") -> tuple[Any, ...]:
    rows: list[tuple[Any, ...]] = eventually(
        lambda: lake_rows(home, "events", columns, f"message_id::varchar = '{message_id}'")
    )
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t", "/api/analytics/track", "/v1/track/"])
def test_an_accepted_event_is_in_the_lake_seconds_later(client: httpx.Client, home: Path, path: str) -> None:
    event = signed_up(anonymousId="a1", timestamp="2026-05-01T10:00:00Z", context={"locale": "de", "ip": IP})
    answer = client.post(path, json=event)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "rejected": 0})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    columns = "tenant, source, type, event, original_event, user_id, anonymous_id, original_at::varchar, context"
    assert landed(home, event["messageId"], columns) == (
        "rentals",
        "web",
        "track",
        "signup_completed",
        "Signed Up",
        "u1",
        "a1",
        "2026-05-01 10:00:00",
        '{"locale":"de","ip":"203.0.113.0"}',
    )


@pytest.mark.parametrize("name", ["identify", "page", "screen", "group", "alias"])
@pytest.mark.parametrize("address", ["/v1/{name}", "/v1/{first}"])
def test_every_type_has_its_addresses(client: httpx.Client, home: Path, name: str, address: str) -> None:
    event: dict[str, Any] = {"userId": "u", "groupId": "g", "previousId": "p", "messageId": str(uuid4())}
    answer = client.post(address.format(name=name, first=name[0]), json=event)
    assert answer.status_code == 200, answer.text
    assert landed(home, event["messageId"], "type, user_id") == (name, "u")


def test_each_way_to_present_a_key(stranger: httpx.Client, key: str) -> None:
    for headers, body in (
        ({"authorization": f"Bearer {key}"}, signed_up()),
        ({}, signed_up(writeKey=key)),
        ({}, {"batch": [signed_up()], "writeKey": key}),
    ):
        assert stranger.post("/api/analytics/track", headers=headers, json=body).status_code == 200
    # As a browser's sendBeacon does it, for which the type is never JSON.
    beacon = stranger.post("/v1/t", content=json.dumps(signed_up(writeKey=key)), headers={"content-type": "text/plain"})
    assert beacon.status_code == 200


def test_a_key_works_when_it_is_made_and_stops_within_five_seconds_of_being_revoked(
    stranger: httpx.Client, home: Path
) -> None:
    env = {"ALMANAC_HOME": str(home)}
    runner = CliRunner()
    made = runner.invoke(
        COMMANDS["keys"], ["create", "--tenant", "advisory", "--source", "web", "--name", "site"], env=env
    )
    plaintext = made.stdout.strip()
    event = {"event": "signup_completed", "userId": "u"}
    answer = eventually(
        lambda: (r := stranger.post("/v1/track", json=event, auth=(plaintext, ""))).status_code == 200 and r, seconds=3
    )
    assert answer.json()["accepted"] == 1
    assert plaintext[:12] in runner.invoke(COMMANDS["keys"], ["list", "--tenant", "advisory"], env=env).stdout
    revoked = runner.invoke(COMMANDS["keys"], ["revoke", plaintext[:12]], env=env)
    assert revoked.exit_code == 0
    since = time.monotonic()
    eventually(lambda: stranger.post("/v1/track", json=event, auth=(plaintext, "")).status_code == 401, seconds=5)
    assert time.monotonic() - since < 5


def test_a_batch_keeps_what_is_fit_and_names_the_rest(client: httpx.Client, home: Path) -> None:
    good, unknown, nameless = signed_up(), signed_up(event="Unheard Of"), signed_up(userId=None)
    raw = json.dumps({"batch": [good, unknown, 17, nameless], "sentAt": "2026-05-01T10:00:00Z", "context": {"ip": IP}})
    answer = client.post("/v1/batch", content=raw)
    assert answer.status_code == 200
    document = answer.json()
    assert (document["accepted"], document["rejected"]) == (1, 3)
    told = [(e["index"], e["code"], e["field"]) for e in document["errors"]]
    assert told == [(1, "unknown_event", "event"), (2, "not_an_object", ""), (3, "missing_identity", "userId")]
    assert all(e["message"] for e in document["errors"])
    landed(home, good["messageId"])
    ids = f"message_id::varchar in ('{unknown['messageId']}', '{nameless['messageId']}')"
    rows = eventually(lambda: lake_rows(home, "quarantine", "code, payload", ids))
    assert sorted(code for code, _ in rows) == ["missing_identity", "unknown_event"]
    assert all(json.loads(payload)["sentAt"] == "2026-05-01T10:00:00Z" for _, payload in rows)


def test_gzip_is_understood_whatever_the_type_says(client: httpx.Client, home: Path) -> None:
    event = signed_up()
    headers = {"content-encoding": "gzip", "content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/v1/batch", content=gzip.compress(json.dumps({"batch": [event]}).encode()), headers=headers)
    assert answer.status_code == 200
    landed(home, event["messageId"])


def test_nothing_accepted_is_no_success_but_is_kept(client: httpx.Client, home: Path) -> None:
    event = signed_up(event="Unheard Of")
    answer = client.post("/v1/track", json=event)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "unknown_event", "event")
    assert answer.headers["content-type"] == "application/problem+json"
    large = signed_up(properties={"x": "x" * 40_000})
    answer = client.post("/v1/track", json=large)
    assert (answer.status_code, answer.json()["code"]) == (413, "event_too_large")
    answer = client.post("/v1/batch", json={"batch": [event, large]})
    assert (answer.status_code, answer.json()["code"]) == (400, "all_rejected")
    assert [e["index"] for e in answer.json()["errors"]] == [0, 1]
    where = f"message_id::varchar in ('{event['messageId']}', '{large['messageId']}')"
    rows = eventually(lambda: (r := lake_rows(home, "quarantine", "code", where)) and len(r) == 4 and r)
    assert sorted(rows) == [("event_too_large",)] * 2 + [("unknown_event",)] * 2


def test_other_addresses_and_methods_are_told_what_there_is(stranger: httpx.Client) -> None:
    answer = stranger.get("/v1/track")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert stranger.post("/v2/track").json()["code"] == "not_found"
    assert stranger.get("/").status_code == 404


def test_a_browser_on_any_page_may_send(stranger: httpx.Client) -> None:
    headers = {
        "origin": "https://rentals.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    answer = stranger.options("/v1/batch", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"]
    # Also a refusal must be readable for the page, or the SDK sees a network error and sends again for ever.
    assert stranger.post("/v1/batch").headers["access-control-allow-origin"] == "*"


def test_health_is_told(stranger: httpx.Client) -> None:
    assert stranger.get("/health/live").json() == {"status": "alive"}
    ready = stranger.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert ready.json()["damaged_files"] == 0


def test_a_second_collector_is_told_who_owns_the_folder(collector: CollectorProcess, home: Path) -> None:
    second = CollectorProcess(home)
    assert second.process.wait(timeout=60) == 1
    eventually(lambda: "" in second.said)
    (line,) = [line for line in second.said if line]
    assert line.startswith("Error: a collector on")
    assert f"process {collector.pid}" in line


def test_the_books_balance_and_the_lake_is_whole(client: httpx.Client, home: Path) -> None:
    client.post("/v1/batch", json={"batch": [signed_up(), 3]})

    def settled() -> bool:
        status = client.get("/health/ready").json()
        files = list((home / "collector").glob("wal-*.log"))
        return status["waiting_files"] == 0 and all(file.stat().st_size < 50 for file in files)

    eventually(settled)
    received = sum(row[0] for row in lake_rows(home, "counters", "received"))
    assert received == sum(len(lake_rows(home, kind, "1")) for kind in ("events", "quarantine"))
    assert Lake.open(Settings.for_home(home)).verify() == []


def test_neither_keys_nor_addresses_are_anywhere_on_the_disk(client: httpx.Client, home: Path, key: str) -> None:
    event = signed_up(writeKey=key, ip=IP, context={"ip": IP}, event="Unheard Of")
    client.post("/v1/track", json=event)
    client.post("/v1/track", content=json.dumps(event).encode()[:-1])
    where = f"message_id::varchar = '{event['messageId']}'"
    eventually(lambda: lake_rows(home, "quarantine", "payload", where))
    for column in lake_rows(home, "quarantine", "payload") + lake_rows(home, "events", "context"):
        assert key not in (column[0] or "")
        assert IP not in (column[0] or "")
    for file in home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert key.encode() not in content, file
            assert IP.encode() not in content, file


def test_asked_to_end_it_lands_all_it_has_acknowledged_and_leaves_no_log(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    with running(tmp_path, flush_seconds=3600) as collector:
        ids = [str(uuid4()) for _ in range(300)]
        for start in range(0, 300, 30):
            batch = [signed_up(messageId=message_id) for message_id in ids[start : start + 30]]
            assert httpx.post(f"{collector.url}/v1/batch", json={"batch": batch}, auth=(key, "")).status_code == 200
        assert lake_rows(tmp_path, "events", "1") == []
        started = time.monotonic()
        assert collector.stop() == 0
        assert time.monotonic() - started < 10
    assert sorted(row[0] for row in lake_rows(tmp_path, "events", "message_id::varchar")) == sorted(ids)
    assert list((tmp_path / "collector").glob("wal-*")) == []


def test_when_the_disk_reports_an_error_nothing_more_is_acknowledged(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    # strace counts by thread: the one that writes the log syncs one request, and from then on every sync fails.
    inject = ("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=2+")
    with running(tmp_path, wrapper=("strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", *inject)) as collector:
        with httpx.Client(base_url=collector.url, auth=(key, ""), timeout=60) as client:
            safe, lost = signed_up(), signed_up()
            assert client.post("/v1/track", json=safe).status_code == 200
            for _ in range(3):
                answer = client.post("/v1/track", json=lost)
                assert (answer.status_code, answer.json().get("code")) == (503, "storage_error")
                assert int(answer.headers["retry-after"]) > 0
            ready = client.get("/health/ready")
            assert (ready.status_code, ready.json()["code"]) == (503, "storage_error")
            assert client.get("/health/live").status_code == 200
        assert collector.stop() == 0
    with running(tmp_path) as collector:
        eventually(lambda: lake_rows(tmp_path, "events", "1", f"message_id::varchar = '{safe['messageId']}'"))
        assert collector.stop() == 0
