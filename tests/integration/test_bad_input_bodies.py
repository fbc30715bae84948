"""The bad-input catalogue, requests (rows 1 to 5, 12 to 17): refused as a whole, kept with their reason and counted.

Each id begins with the number of its row. Events are in `test_bad_input_events.py`, files in `test_bad_input_files.py`;
slow bodies (16) are in `test_slow_body.py`, too many requests (33) in `test_collector_limits.py`, full disks (34) in
`test_disk_full.py`; a write key that asks the portal (17) is in `tests/unit/portal/test_api.py`.
"""

import gzip
import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration import both_servers
from tests.integration.bad_input import event
from tests.integration.collector_process import CollectorProcess, eventually, lake_rows, new_key

GZIP = {"content-encoding": "gzip"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
TRACK, BATCH = "/v1/track", "/v1/batch"
home, key, collector = both_servers.home, both_servers.key, both_servers.collector
client, stranger = both_servers.client, both_servers.stranger


def refused(
    name: str, path: str, body: bytes, status: int, code: str, headers: dict[str, str] | None = None, says: str = ""
) -> Any:
    return pytest.param(path, body, headers or {}, status, code, says, id=name)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code", "says"),
    [
        refused("01-empty", TRACK, b"", 400, "empty_body", says="Send a JSON object"),
        refused("01-blank", BATCH, b" \n", 400, "empty_body"),
        refused("02-trailing-comma", TRACK, b'{"a":1,}', 400, "invalid_json", says="line 1 column 8"),
        refused("02-single-quotes", TRACK, b"{'a':1}", 400, "invalid_json", says="line 1 column 2"),
        refused("02-two-documents", TRACK, b"{} {}", 400, "invalid_json"),
        refused("02-half-a-batch", BATCH, b'{"batch":[{}', 400, "invalid_json"),
        refused("02-batch-is-a-number", BATCH, b'{"batch":7}', 400, "invalid_batch"),
        refused("03-nan-beside-the-batch", BATCH, b'{"batch":[{}],"context":{"a":NaN}}', 400, "invalid_json_number"),
        refused("04-null", TRACK, b"null", 400, "not_an_object", says="got null"),
        refused("04-array", TRACK, b"[]", 400, "not_an_object", says="got array"),
        refused("04-string", BATCH, b'"x"', 400, "not_an_object", says="got string"),
        refused("05-invalid-utf-8", TRACK, b'{"a":"\xff"}', 400, "invalid_encoding", says="byte 6"),
        refused("05-utf-16", TRACK, '{"a":1}'.encode("utf-16"), 400, "invalid_encoding", says="byte 0"),
        refused("08-bottomless", TRACK, b"[" * 100_000, 400, "too_deep"),
        refused("12-batch-too-large", BATCH, b'{"batch":["' + b"x" * 600_000 + b'"]}', 413, "batch_too_large"),
        refused("12-far-too-large", BATCH, b"x" * 10_000_000, 413, "batch_too_large"),
        refused("13-empty-batch", BATCH, b'{"batch":[]}', 400, "empty_batch"),
        refused("13-too-many", BATCH, b'{"batch":[' + b"{}," * 2500 + b"{}]}", 400, "too_many_events", says="2,500"),
        refused("14-bad-gzip", TRACK, b"not gzip", 400, "invalid_compression", GZIP),
        refused("14-cut-gzip", TRACK, gzip.compress(b"{}")[:-3], 400, "invalid_compression", GZIP, says="cut short"),
        refused("14-bomb", TRACK, gzip.compress(bytes(50_000_000)), 413, "decompressed_too_large", GZIP),
        refused("14-unknown-encoding", TRACK, b"{}", 415, "unsupported_encoding", {"content-encoding": "br"}),
        refused("15-xml", TRACK, b"<a/>", 415, "unsupported_media_type", {"content-type": "application/xml"}),
        refused(
            "15-form", TRACK, b"event=a&userId=u", 415, "unsupported_media_type", FORM, says="Send application/json"
        ),
        refused("15-json-as-a-form", BATCH, b'{"batch":[}', 400, "invalid_json", FORM, says="line 1 column 11"),
        refused("17-key-in-url", f"{TRACK}?writeKey=alm_x", b"{}", 400, "key_in_url", says="Authorization"),
    ],
)
def test_a_request_without_events_is_refused_kept_and_counted(
    client: httpx.Client, home: Path, path: str, body: bytes, headers: dict[str, str], status: int, code: str, says: str
) -> None:
    answer = client.post(path, content=body, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["message"] == problem["detail"]
    assert says in problem["message"]
    assert len(problem["message"]) < 300
    lines = [json.loads(line) for line in (home / "collector" / "refused.jsonl").read_text().splitlines()]
    (kept,) = [line for line in lines if line["request_id"] == problem["request_id"]]
    assert (kept["code"], kept["message"]) == (code, problem["message"])
    tenant = "" if code == "key_in_url" else "rentals"  # it is refused before anybody asks whose the key is
    assert kept.get("tenant", "") == tenant
    eventually(lambda: is_counted(home, tenant, code))


def is_counted(home: Path, tenant: str, code: str) -> bool:
    path = home / "collector" / "refused-counts.json"
    return path.exists() and any(name.endswith(f"/{tenant}/{code}") for name in json.loads(path.read_text()))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"\xef\xbb\xbf%s", {}, id="05-byte-order-mark"),
        pytest.param(b"%s", {"content-type": "text/plain"}, id="15-text-plain"),
        pytest.param(b"%s", {"content-type": "application/xml"}, id="15-json-under-another-type"),
        pytest.param(b"gzip", {**GZIP, **FORM}, id="15-gzip-as-a-form"),
    ],
)
def test_what_real_clients_send_is_understood(
    client: httpx.Client, home: Path, body: bytes, headers: dict[str, str]
) -> None:
    sent = event()
    content = json.dumps(sent).encode()
    content = gzip.compress(content) if body == b"gzip" else body.replace(b"%s", content)
    assert client.post(TRACK, content=content, headers=headers).status_code == 200
    eventually(lambda: lake_rows(home, "events", "1", f"message_id::varchar = '{sent['messageId']}'"))


def test_16_a_body_that_ends_too_early_is_counted_and_nobody_waits(
    collector: CollectorProcess, key: str, home: Path
) -> None:
    with socket.create_connection(("127.0.0.1", collector.port), timeout=10) as connection:
        head = f"POST {TRACK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 500\r\n\r\n"
        connection.sendall(head.encode() + b'{"event":')
        connection.shutdown(socket.SHUT_WR)
        answered = b"".join(iter(lambda: connection.recv(65_536), b""))
    # uvicorn closes its half as well; granian's client may still read.
    assert not answered or (b" 408 " in answered[:16] and b'"truncated_body"' in answered), answered
    eventually(lambda: is_counted(home, "rentals", "truncated_body"))


def test_17_without_a_valid_key_nothing_is_accepted(stranger: httpx.Client, key: str) -> None:
    cases: list[tuple[dict[str, str], dict[str, Any], str]] = [
        ({}, event(), "missing_write_key"),
        ({}, event(writeKey=""), "missing_write_key"),
        ({}, event(writeKey=7), "missing_write_key"),
        ({}, event(writeKey="alm_nobody"), "invalid_write_key"),
        ({"authorization": "Bearer alm_nobody"}, event(), "invalid_write_key"),
        ({"authorization": "Basic ???"}, event(writeKey=key), "invalid_write_key"),
    ]
    messages = set()
    for headers, body, code in cases:
        answer = stranger.post(TRACK, headers=headers, json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["www-authenticate"] == "Bearer"
        messages.add((code, answer.json()["message"]))
    assert len(messages) == 2  # nobody learns more about a key than that it is not valid


def test_17_a_key_of_another_scope_brings_nothing_else_in(stranger: httpx.Client, home: Path) -> None:
    key = new_key(home, scope=["page", "search_performed"])
    headers = {"authorization": f"Bearer {key}"}
    alone, among, good = event(event="Signed Up", properties={}), event(event="Signed Up", properties={}), event()
    answer = stranger.post(TRACK, headers=headers, json=alone)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (403, "insufficient_scope", "event")
    assert problem["message"] == "this write key may send page, search_performed, not signup_completed"
    in_body = stranger.post(BATCH, json={"writeKey": key, "batch": [good, among]})
    assert (in_body.status_code, in_body.json()["accepted"]) == (200, 1)
    assert [(error["index"], error["code"]) for error in in_body.json()["errors"]] == [(1, "insufficient_scope")]
    ids = f"'{alone['messageId']}', '{among['messageId']}', '{good['messageId']}'"
    eventually(lambda: len(lake_rows(home, "quarantine", "code", f"message_id::varchar in ({ids})")) == 2)
    eventually(lambda: len(lake_rows(home, "events", "event", f"message_id::varchar in ({ids})")) == 1)
