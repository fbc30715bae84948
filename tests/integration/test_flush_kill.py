"""A flush is killed or refused at every write, fsync, rename and unlink: the next one completes it, nothing is lost."""

import json
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from almanac.settings import Settings
from ingestion.collector import records
from ingestion.collector.door import Verdict
from ingestion.collector.log_files import LogFile
from ingestion.lake import Lake
from tests.traced_jobs import ERRORS, REFUSABLE, REFUSED, Point, Server

pytestmark = pytest.mark.xdist_group("flush_kill")  # what its tests share is made once

DAYS = (datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC), datetime(2026, 5, 2, 0, 0, 1, tzinfo=UTC))
FEW = 8  # points that the ordinary suite tries, evenly spread

Rows = dict[str, Counter[tuple[object, ...]]]


@pytest.fixture(scope="module")
def flusher() -> Iterator[Server]:
    """One process for all flushes: it has imported what it needs."""
    with Server("tests.integration.flushing") as own:
        yield own


@pytest.fixture(scope="module")
def points(flusher: Server, tmp_path_factory: pytest.TempPathFactory) -> list[Point]:
    """What an undisturbed flush does to the disk; its lake holds what was acknowledged."""
    folder = tmp_path_factory.mktemp("points")
    acknowledged = log_of(folder / "home")
    found = flusher.points(str(folder / "home"), folder / "strace.log")
    assert ids_of(folder / "home") == acknowledged
    sys.stdout.write(f"{len(found)} points: {Counter(call for call, _ in found)}\n")
    assert {"write", "fsync", "rename", "unlink"} <= {call for call, _ in found}
    return found


def log_of(home: Path) -> Counter[str]:
    """A home with a log file of two tenants and days; returns the message ids that it holds."""
    folder = Settings.for_home(home).log_dir
    folder.mkdir(parents=True)
    acknowledged: Counter[str] = Counter()
    log = LogFile(folder / "wal-1-000001.log")
    sent = (("rentals", 0, "Signed Up"), ("rentals", 1, "Unheard Of"), ("advisory", 1, "Client Registered"))
    for tenant, day, name in sent:
        message = {"type": "track", "event": name, "userId": "u", "messageId": f"{tenant}-{day}"}
        log.append([records.encode(tenant, "web", DAYS[day], 1, [Verdict(json.dumps(message).encode())])])
        acknowledged[f"{tenant}-{day}"] += 1
    log.close()
    return acknowledged


def ids_of(home: Path) -> Counter[str]:
    """The client's message ids in the lake, of accepted and of refused events."""
    lake = Lake.open(Settings.for_home(home))
    ids: Counter[str] = Counter()
    for entry in lake.entries("events"):
        ids.update(lake.read(entry)["original_message_id"].to_pylist())
    for entry in lake.entries("quarantine"):
        ids.update(json.loads(text)["messageId"] for text in lake.read(entry)["payload"].to_pylist())
    return ids


def check(flusher: Server, home: Path, acknowledged: Counter[str], what: str) -> None:
    """The next flush completes what the disturbed one began, without anybody's help."""
    assert acknowledged - ids_of(home) == Counter() or list(Settings.for_home(home).log_dir.glob("wal-*")), what
    assert flusher.run(str(home), ["-o", "/dev/null"]) == 0, what
    assert ids_of(home) == acknowledged, what
    lake = Lake.open(Settings.for_home(home))
    assert lake.verify() == [], what
    received = sum(sum(lake.read(entry)["received"].to_pylist()) for entry in lake.entries("counters"))
    assert received == acknowledged.total(), what
    assert list((home / "lake.tmp").glob("*.part")) == [], what
    assert list(Settings.for_home(home).log_dir.glob("*.log")) == [], what
    shutil.rmtree(home)


def _few(points: list[Point]) -> list[Point]:
    return points[:: max(len(points) // FEW, 1)][:FEW]


def kill_everywhere(flusher: Server, points: list[Point], folder: Path) -> None:
    for point in points:
        home = folder / f"{point[0]}-{point[1]}"
        acknowledged = log_of(home)
        assert flusher.kill(str(home), point) == -signal.SIGKILL, point
        check(flusher, home, acknowledged, f"killed at {point}")


def refuse_everywhere(flusher: Server, points: list[Point], folder: Path) -> None:
    failed = 0
    for number, point in enumerate(points):
        error = ERRORS[number % len(ERRORS)]
        home = folder / f"{point[0]}-{point[1]}"
        acknowledged = log_of(home)
        status = flusher.refuse(str(home), point, error)
        assert status in (0, REFUSED), f"{error} at {point}: exit status {status}"
        failed += status == REFUSED
        check(flusher, home, acknowledged, f"{error} at {point}")
    assert failed > len(points) / 2  # otherwise hardly anything was refused


def test_a_flush_killed_at_some_point_is_completed_by_the_next_one(
    flusher: Server, points: list[Point], tmp_path: Path
) -> None:
    kill_everywhere(flusher, _few(points), tmp_path)


def test_a_flush_that_the_disk_refuses_at_some_point_is_completed_by_the_next_one(
    flusher: Server, points: list[Point], tmp_path: Path
) -> None:
    refuse_everywhere(flusher, _few([point for point in points if point[0] in REFUSABLE]), tmp_path)


@pytest.mark.deep
def test_a_flush_killed_at_every_point(flusher: Server, points: list[Point], tmp_path: Path) -> None:
    kill_everywhere(flusher, points, tmp_path)


@pytest.mark.deep
def test_a_flush_refused_at_every_point(flusher: Server, points: list[Point], tmp_path: Path) -> None:
    refusable = [point for point in points if point[0] in REFUSABLE]
    refuse_everywhere(flusher, refusable, tmp_path / "one")
    refuse_everywhere(flusher, refusable[1:], tmp_path / "two")  # the same points with the other error
