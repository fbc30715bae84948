"""Segment's own Python client sends every type of message; the lake holds what it sent, field by field."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from segment.analytics import Client

from tests.integration.collector_process import CollectorProcess, eventually, lake_rows, new_key, running

# A moment that is not too old, in the whole milliseconds that the client sends.
AT = datetime.now(UTC).replace(microsecond=123_000) - timedelta(hours=1)
CONTEXT = {
    "page": {"url": "https://rentals.example/berlin?a=1", "title": "Größe"},
    "campaign": {"source": "g", "medium": "cpc"},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sdk")


@pytest.fixture(scope="module")
def key(home: Path) -> str:
    return new_key(home)


@pytest.fixture(scope="module")
def collector(home: Path, key: str) -> Iterator[CollectorProcess]:
    with running(home) as collector:
        yield collector
        assert collector.stop() == 0


def send_everything(client: Client) -> list[dict[str, Any]]:
    """One message of every type, and some of the platform's own events; returns what the client says it sends."""
    common: dict[str, Any] = {"context": CONTEXT, "timestamp": AT}
    sent = [
        client.identify(
            "u1", {"email": "u1@rentals.example", "name": "Zoë", "plan": "gold"}, anonymous_id="a1", **common
        ),
        client.track(
            "u1", "Property Searched", {"q": "two rooms", "hits": 12, "city": "Köln", "own": [1, {"x": None}]}, **common
        ),
        client.track(
            "u1", "Booking Confirmed", {"booking_id": "b1", "total": 123.45, "service_fee": "12.3456"}, **common
        ),
        client.track(anonymous_id="a2", event="Signed Up", **common),
        client.page("u1", "docs", "Home", {"path": "/"}, **common),
        client.screen("u1", "app", "Start", {"from": "push"}, **common),
        client.group("u1", "g1", {"name": "Friends"}, **common),
        client.alias("a1", "u1", **common),
    ]
    assert all(queued for queued, _ in sent)
    return [message for _, message in sent]


@pytest.mark.parametrize("use_gzip", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("is_sync", [False, True], ids=["queued", "one by one"])
def test_rows_of_the_lake_equal_what_the_client_sent(
    collector: CollectorProcess, home: Path, key: str, use_gzip: bool, is_sync: bool
) -> None:
    errors: list[Any] = []
    client = Client(
        key,
        host=collector.url,
        gzip=use_gzip,
        sync_mode=is_sync,
        on_error=lambda *error: errors.append(error),
        max_retries=2,
    )
    before = datetime.now(UTC)
    sent = {message["messageId"]: message for message in send_everything(client)}
    if not is_sync:
        client.shutdown()
    assert errors == []
    ids = ", ".join(f"'{message_id}'" for message_id in sent)
    rows = eventually(lambda: (r := rows_of(home, f"message_id::varchar in ({ids})")) and len(r) >= len(sent) and r)
    assert len(rows) == len(sent)
    for row in rows:
        assert_same(row, sent[str(row["message_id"])], before, datetime.now(UTC))
    (booking,) = [row for row in rows if row["event"] == "booking_confirmed"]
    assert (booking["amount"], booking["commission"]) == (Decimal("123.4500"), Decimal("12.3456"))
    (search,) = [row for row in rows if row["event"] == "search_performed"]
    assert (search["query"], search["results_count"], search["city"]) == ("two rooms", 12, "Köln")


def rows_of(home: Path, where: str) -> list[dict[str, Any]]:
    columns = (
        *("tenant", "source", "message_id", "original_message_id", "type", "event", "original_event"),
        *("user_id", "anonymous_id", "event_at", "original_at", "sent_at", "received_at", "time_quality"),
        *("context", "properties", "context_page_url", "context_campaign_medium", "context_library_name"),
        *("query", "results_count", "city", "amount", "commission"),
    )
    return [dict(zip(columns, row, strict=True)) for row in lake_rows(home, "events", ", ".join(columns), where)]


def assert_same(row: dict[str, Any], message: dict[str, Any], before: datetime, after: datetime) -> None:
    assert (row["tenant"], row["source"], row["original_message_id"]) == ("rentals", "web", None)
    assert row["type"] == message["type"]
    assert row["event"] == EVENTS[message.get("event", message["type"])]
    assert row["original_event"] == message.get("event")
    assert row["user_id"] == message.get("userId")
    assert row["anonymous_id"] == message.get("anonymousId")
    assert row["original_at"].replace(tzinfo=UTC) == AT
    assert row["event_at"] == row["original_at"]  # the client's clock is ours
    assert row["time_quality"] == "ok"
    for column in ("sent_at", "received_at"):
        assert before <= row[column].replace(tzinfo=UTC) <= after
    assert json.loads(row["context"]) == message["context"]
    assert row["context_page_url"] == CONTEXT["page"]["url"]
    assert row["context_campaign_medium"] == "cpc"
    assert row["context_library_name"] == "analytics-python"
    assert json.loads(row["properties"]) == expected_properties(message)


EVENTS = {
    "identify": "user_identified",
    "Property Searched": "search_performed",
    "Booking Confirmed": "booking_confirmed",
    "Signed Up": "signup_completed",
    "page": "page_viewed",
    "screen": "screen_viewed",
    "group": "group_joined",
    "alias": "user_aliased",
}
CANONICAL = {"q": "query", "hits": "results_count", "total": "amount", "service_fee": "commission"}


def expected_properties(message: dict[str, Any]) -> dict[str, Any]:
    """What the client sent as properties or traits, under canonical names, with what stands beside them."""
    given = message.get("properties", message.get("traits", {}))
    expected = {CANONICAL.get(name, name): value for name, value in given.items()}
    for field, name in (
        ("name", "name"),
        ("category", "category"),
        ("groupId", "group_id"),
        ("previousId", "previous_id"),
    ):
        if field in message:
            expected.setdefault(name, message[field])
    return expected
