"""The same event in every dialect, over HTTP: one row of the lake, whatever the client library."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.collector_process import CollectorProcess, eventually, lake_rows, new_key, running

HOUR_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
AT = HOUR_AGO.isoformat().replace("+00:00", "Z")
COLUMNS = "type, event, original_event, user_id, event_at::varchar, properties, amount::varchar"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dialects")


@pytest.fixture(scope="module")
def key(home: Path) -> str:
    return new_key(home)


@pytest.fixture(scope="module")
def collector(home: Path, key: str) -> Iterator[CollectorProcess]:
    with running(home) as collector:
        yield collector
        assert collector.stop() == 0


@pytest.fixture(scope="module")
def client(collector: CollectorProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=collector.url, timeout=30) as client:
        yield client


def in_every_dialect(key: str, ids: list[str]) -> list[dict[str, Any]]:
    """One booking as each dialect sends it: arguments of the request, the key where the dialect puts it."""
    data = {"booking_id": "b1", "total": 12.5}
    segment = {"event": "Booking Confirmed", "userId": "u1", "timestamp": AT, "properties": data}
    cloud = {"specversion": "1.0", "source": "/shop", "type": "Booking Confirmed", "subject": "u1", "time": AT}
    posthog = {"event": "Booking Confirmed", "distinct_id": "u1", "timestamp": AT, "properties": data}
    bearer = {"authorization": f"Bearer {key}"}
    json_type, batch_type = "application/cloudevents+json", "application/cloudevents-batch+json"
    fresh = iter(ids)
    return [
        {"url": "/v1/track", "json": segment | {"messageId": next(fresh)}, "auth": (key, "")},
        {
            "url": "/v1/batch",
            "json": {
                "batch": [segment | {"type": "track", "messageId": next(fresh)}],
                "writeKey": key,
                "timestamp": "2020-01-01T00:00:00Z",
            },
            "headers": {"x-retry-count": "3"},
        },
        {
            "url": "/api/s/s2s/track",
            "json": segment | {"messageId": next(fresh), "writeKey": "id:***"},
            "headers": {"x-write-key": f"id:{key}"},
        },
        {
            "url": "/api/s/s2s/batch",
            "json": {"batch": [segment | {"type": "track", "messageId": next(fresh)}], "writeKey": "id:***"},
            "headers": {"x-write-key": f"id:{key}"},
        },
        {
            "url": "/api/s/s2s/batch",
            "json": {"batch": [segment | {"type": "track", "messageId": next(fresh)}], "writeKey": f"id:{key}"},
        },
        {"url": "/batch/", "json": {"api_key": key, "batch": [posthog | {"uuid": next(fresh)}]}},
        {"url": "/i/v0/e/", "json": posthog | {"uuid": next(fresh), "token": key}},
        {
            "url": "/cloudevents",
            "json": cloud | {"id": next(fresh), "data": data},
            "headers": bearer | {"content-type": json_type},
        },
        {
            "url": "/cloudevents",
            "json": [cloud | {"id": next(fresh), "data": data}],
            "headers": bearer | {"content-type": batch_type},
        },
        {
            "url": "/cloudevents",
            "json": data,
            "headers": bearer | {f"ce-{name}": text for name, text in (cloud | {"id": next(fresh)}).items()},
        },
        {
            "url": "/api/analytics/track",
            "json": {
                "eventName": "Booking Confirmed",
                "user_id": "u1",
                "event_data": data,
                "timestamp": AT,
                "messageId": next(fresh),
            },
            "auth": (key, ""),
        },
    ]


def test_one_event_gives_one_row_in_every_dialect(client: httpx.Client, home: Path, key: str) -> None:
    ids = [str(uuid4()) for _ in range(11)]
    for request in in_every_dialect(key, ids):
        answer = client.post(**request)
        assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "rejected": 0})
    among = f"message_id::varchar in ({', '.join(repr(id_) for id_ in ids)})"
    rows = eventually(lambda: (r := lake_rows(home, "events", COLUMNS, among)) and len(r) == len(ids) and r)
    assert {(*row[:5], json.dumps(json.loads(row[5]), sort_keys=True), row[6]) for row in rows} == {
        (
            "track",
            "booking_confirmed",
            "Booking Confirmed",
            "u1",
            f"{HOUR_AGO:%Y-%m-%d %H:%M:%S}",
            '{"amount": 12.5, "booking_id": "b1"}',
            "12.5000",
        )
    }


@pytest.mark.parametrize("url", ["/v1/projects/{}/settings", "/sourceConfig/?p=npm&v=3&writeKey={}"])
def test_settings_are_for_everyone_with_a_valid_key(client: httpx.Client, key: str, url: str) -> None:
    answer = client.get(url.format(key))
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["content-type"] == "application/json"
    refused = client.get(url.format("alm_wrong"))
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_write_key")
    assert refused.headers["access-control-allow-origin"] == "*"
    wrong_method = client.post(url.format(key), json={})
    assert (wrong_method.status_code, wrong_method.headers["allow"]) == (405, "GET, OPTIONS")
    preflight = client.options(url.format(key))
    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "GET, OPTIONS")


def test_events_with_the_key_in_the_address_are_refused(client: httpx.Client, key: str) -> None:
    answer = client.post(f"/batch/?api_key={key}", json={"event": "Signed Up", "distinct_id": "u1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "key_in_url")


def test_flags_are_none_and_a_wrong_key_is_noticed(client: httpx.Client, key: str) -> None:
    assert client.post("/flags/?v=4", json={"api_key": key, "distinct_id": "u1"}).json()["flags"] == {}
    refused = client.post("/flags/?v=4", json={"api_key": "phc_wrong"})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_write_key")


def test_a_broken_cloudevent_waits_in_quarantine_with_its_reason(client: httpx.Client, home: Path, key: str) -> None:
    marker = str(uuid4())
    body = {"specversion": "1.0", "type": "Signed Up", "subject": "u1", "data": {"marker": marker}}
    answer = client.post("/cloudevents", json=body, auth=(key, ""))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cloudevent")
    assert "id, source" in answer.json()["message"]
    (row,) = eventually(lambda: lake_rows(home, "quarantine", "code, payload", f"payload like '%{marker}%'"))
    assert (row[0], json.loads(row[1])) == ("invalid_cloudevent", body)


def test_traits_of_the_context_are_the_identified_persons(client: httpx.Client, home: Path, key: str) -> None:
    ids = [str(uuid4()) for _ in range(2)]
    message = {"type": "identify", "userId": "u1", "context": {"traits": {"plan": "gold"}}, "timestamp": AT}
    batch = {"batch": [message | {"messageId": ids[0]}], "sentAt": datetime.now(UTC).isoformat()}
    assert client.post("/v1/batch", json=batch, auth=(key, "")).status_code == 200
    assert client.post("/v1/identify", json=message | {"messageId": ids[1]}, auth=(key, "")).status_code == 200
    among = f"message_id::varchar in ({', '.join(repr(id_) for id_ in ids)})"
    rows = eventually(lambda: (r := lake_rows(home, "events", "properties", among)) and len(r) == 2 and r)
    assert [json.loads(row[0]) for row in rows] == [{"plan": "gold"}] * 2
