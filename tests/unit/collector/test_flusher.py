"""From the log to the lake: every acknowledged event once, whatever fails in between."""

import asyncio
import json
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import duckdb
import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.collector import land_log, records
from ingestion.collector.door import Verdict
from ingestion.collector.flusher import Flusher
from ingestion.collector.land_log import land_file
from ingestion.collector.wal import Wal
from ingestion.lake import Lake
from ingestion.tracking_plan import Plan, load_plan

BEFORE_MIDNIGHT = datetime(2026, 5, 1, 23, 59, 59, 999_999, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 5, 2, 0, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan()


@pytest.fixture
def lake(tmp_path: Path, plan: Plan) -> Lake:
    return Lake.open(Settings.for_home(tmp_path), plan)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def event(message_id: str) -> bytes:
    return json.dumps({"type": "track", "event": "Signed Up", "userId": "u", "messageId": message_id}).encode()


def request(tenant: str, received_at: datetime, *message_ids: str) -> bytes:
    verdicts = [Verdict(event(message_id)) for message_id in message_ids]
    return records.encode(tenant, "web", received_at, len(verdicts), verdicts)


def log_of(folder: Path, *requests: bytes) -> Wal:
    """A log with these requests in one sealed file."""
    wal = Wal(folder)

    async def write() -> None:
        for data in requests:
            await wal.append(data)

    asyncio.run(write())
    wal.seal()
    return wal


def rows(lake: Lake, kind: str, columns: str) -> list[tuple[Any, ...]]:
    files = [lake.locate(entry.path) for entry in lake.entries() if entry.kind == kind]
    if not files:
        return []
    return duckdb.execute(f"select {columns} from read_parquet(?) order by all", [files]).fetchall()


def test_a_file_is_landed_by_tenant_and_day_with_the_counts_of_the_door(folder: Path, lake: Lake) -> None:
    wal = log_of(
        folder,
        request("rentals", BEFORE_MIDNIGHT, "r1", "r2"),
        request("advisory", BEFORE_MIDNIGHT, "r1"),
        request("rentals", AFTER_MIDNIGHT, "r3"),
    )
    (path,) = wal.sealed()
    assert land_file(lake, path) == (3, 1)  # "Signed Up" is a name of rentals alone
    assert rows(lake, "events", "tenant, original_message_id, received_at::date::varchar") == [
        ("rentals", "r1", "2026-05-01"),
        ("rentals", "r2", "2026-05-01"),
        ("rentals", "r3", "2026-05-02"),
    ]
    assert rows(lake, "quarantine", "tenant, code") == [("advisory", "unknown_event")]
    assert rows(lake, "counters", "tenant, source, received_date::varchar, received") == [
        ("advisory", "web", "2026-05-01", 1),
        ("rentals", "web", "2026-05-01", 2),
        ("rentals", "web", "2026-05-02", 1),
    ]
    assert land_file(lake, path) == (0, 0)  # again, as after a crash before the file was deleted
    assert len(rows(lake, "events", "*")) == 3
    assert sum(row[0] for row in rows(lake, "counters", "received")) == 4
    wal.close()


def test_a_crash_between_two_tenants_is_finished_by_doing_it_again(
    folder: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    wal = log_of(folder, request("rentals", AFTER_MIDNIGHT, "a"), request("advisory", AFTER_MIDNIGHT, "b"))
    (path,) = wal.sealed()
    real = Lake.land

    def die_at_advisory(self: Lake, tenant: str, *args: Any, **kwargs: Any) -> Any:
        if tenant == "advisory":
            raise KeyboardInterrupt
        return real(self, tenant, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "land", die_at_advisory)
        with pytest.raises(KeyboardInterrupt):
            land_file(lake, path)
    land_file(lake, path)
    assert rows(lake, "counters", "tenant, received") == [("advisory", 1), ("rentals", 1)]
    wal.close()


def test_stopping_lands_what_is_left_and_deletes_the_log(folder: Path, lake: Lake) -> None:
    wal = log_of(folder, request("rentals", AFTER_MIDNIGHT, "a"))
    asyncio.run(wal.append(request("rentals", AFTER_MIDNIGHT, "b")))
    called: list[bool] = []
    flusher = Flusher(wal, partial(land_file, lake), 3600, each_time=lambda: called.append(True))
    flusher.start()
    flusher.stop()
    assert rows(lake, "events", "original_message_id") == [("a",), ("b",)]
    assert list(folder.iterdir()) == []
    assert called
    status = flusher.status()
    assert (status["accepted_events"], status["waiting_files"], status["failing_files"]) == (2, 0, 0)


def test_what_is_asked_for_between_landings_is_done_when_all_before_it_is_landed(
    folder: Path, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    wal = Wal(folder)
    flusher = Flusher(wal, partial(land_file, lake), 3600)
    flusher.start()
    seen: Queue[int] = Queue()

    def once() -> None:
        seen.put(flusher.accepted)
        raise RuntimeError("a mistake")

    for number in (1, 2):
        asyncio.run(wal.append(request("rentals", AFTER_MIDNIGHT, f"{number}")))
        flusher.land_now(then=once)
        assert seen.get(timeout=30) == number, "a mistake of the one before ends nothing"
    asyncio.run(wal.append(request("rentals", AFTER_MIDNIGHT, "left")))
    flusher.stop()
    assert seen.empty()
    assert flusher.accepted == 3
    assert caplog.text.count("because of a mistake in this program") == 2


def test_a_mistake_in_what_follows_a_landing_does_not_end_the_landing(
    folder: Path, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken() -> None:
        raise RuntimeError("a mistake")

    wal = Wal(folder)
    flusher = Flusher(wal, partial(land_file, lake), 3600, each_time=mistaken)
    flusher.start()
    for number in (1, 2):
        landed: Queue[int] = Queue()
        asyncio.run(wal.append(request("rentals", AFTER_MIDNIGHT, f"{number}")))
        flusher.land_now(then=partial(landed.put, number))
        assert landed.get(timeout=30) == number
    flusher.stop()
    assert flusher.accepted == 2
    assert "what follows a landing was not done because of a mistake in this program" in caplog.text


def test_a_file_that_cannot_be_landed_stays_and_does_not_hold_up_the_others(
    folder: Path, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    wal = log_of(folder, request("rentals", AFTER_MIDNIGHT, "first"))
    (bad,) = wal.sealed()
    asyncio.run(wal.append(request("rentals", AFTER_MIDNIGHT, "second")))
    errors: list[Exception] = [AlmanacError("the disk refuses"), RuntimeError("a mistake")]

    def sometimes(path: Path) -> tuple[int, int]:
        if path == bad and errors:
            raise errors.pop(0)
        return land_file(lake, path)

    flusher = Flusher(wal, sometimes, 0.01)
    flusher.start()
    deadline = time.monotonic() + 30
    while flusher.accepted < 2:
        assert time.monotonic() < deadline
        flusher._thread.join(0.01)
    flusher.stop()
    assert rows(lake, "events", "original_message_id") == [("first",), ("second",)]
    assert f"{bad.name} was not landed (1 times): the disk refuses; trying again" in caplog.text
    assert "because of a mistake in this program" in caplog.text
    assert list(folder.iterdir()) == []


def test_a_file_that_no_program_can_read_is_kept(folder: Path, lake: Lake) -> None:
    wal = log_of(folder, b"\x00 no record")
    (path,) = wal.sealed()
    flusher = Flusher(wal, partial(land_file, lake), 3600)
    flusher.start()
    flusher.stop()
    assert path.exists()
    assert flusher.status()["failing_files"] == 1


def test_a_tenant_that_cannot_be_landed_does_not_keep_the_others_from_it(
    folder: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    wal = log_of(folder, request("advisory", AFTER_MIDNIGHT, "a"), request("rentals", AFTER_MIDNIGHT, "b"))
    (path,) = wal.sealed()
    real = Lake.land

    def refuse_advisory(self: Lake, tenant: str, *args: Any, **kwargs: Any) -> Any:
        if tenant == "advisory":
            raise AlmanacError("no such place")
        return real(self, tenant, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "land", refuse_advisory)
        with pytest.raises(AlmanacError, match="advisory/web: no such place; the other 1 sources"):
            land_file(lake, path)
    assert rows(lake, "events", "tenant") == [("rentals",)]
    land_file(lake, path)
    assert rows(lake, "counters", "tenant, received") == [("advisory", 1), ("rentals", 1)]
    wal.close()


def test_many_events_of_one_tenant_are_landed_in_parts_with_their_counts_once(
    folder: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(land_log, "PART_ROWS", 2)
    wal = log_of(folder, request("rentals", AFTER_MIDNIGHT, *"abcde"), request("rentals", BEFORE_MIDNIGHT, "f"))
    (path,) = wal.sealed()
    assert land_file(lake, path) == (6, 0)
    assert land_file(lake, path) == (0, 0)
    assert sorted(entry.rows for entry in lake.entries("events")) == [1, 1, 2, 2]
    assert rows(lake, "events", "original_message_id") == [(name,) for name in "abcdef"]
    counted = [("2026-05-01", 1), ("2026-05-02", 0), ("2026-05-02", 0), ("2026-05-02", 5)]
    assert rows(lake, "counters", "received_date::varchar, received") == counted
    wal.close()
