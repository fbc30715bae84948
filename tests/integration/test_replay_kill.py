"""A replay of refused events is killed or refused by the disk at every call that changes it.

Afterwards the books balance, and the next replay brings in what is left: each event exactly once.
"""

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.replaying import FORGOTTEN, before_it_was_mended, opened, replay_all
from tests.refused_events import books, difference, land, rows_of, villa
from tests.traced_jobs import ERRORS, REFUSABLE, REFUSED, Point, Server

pytestmark = pytest.mark.xdist_group("replay_kill")  # what its tests share is made once

FEW = 5  # points of each kind of disturbance in the ordinary suite, evenly spread
WAITING = 5


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One process for all replays: it has imported what it needs."""
    with Server("tests.integration.replaying") as own:
        yield own


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which five events of two sources wait, among one that was accepted and one that stays refused."""
    home = tmp_path_factory.mktemp("replays") / "home"
    lake = before_it_was_mended(home)
    seen = [seen_of(n) for n in range(1, WAITING + 1)]
    land(lake, [*seen[:3], villa(8, event="search_performed", properties={"query": "flat"})])
    land(lake, [*seen[3:], villa(9, event="Nonsense")], source="app")
    assert len(rows_of(lake, "quarantine")) == WAITING + 1
    return home


@pytest.fixture(scope="module")
def points(server: Server, before: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Point]:
    """What an undisturbed replay does to the disk."""
    folder = tmp_path_factory.mktemp("points")
    home = fresh(before, folder / "home")
    found = server.points(str(home), folder / "strace.log")
    assert replayed(home) == WAITING
    assert {"write", "fsync", "rename"} <= {call for call, _ in found}
    return found


def seen_of(n: int) -> dict[str, Any]:
    return villa(n, event=FORGOTTEN, properties={"property_id": f"p{n}"})


def fresh(start: Path, home: Path) -> Path:
    shutil.copytree(start, home)
    return home


def replayed(home: Path) -> int:
    """How many refused events came in after all; each has one mark and is one event, and every day balances."""
    lake = opened(home)
    marks = rows_of(lake, "replays")
    places = Counter((row["quarantine_file_id"], row["quarantine_row"]) for row in marks)
    landed = Counter((row["file_id"], row["ingest_row"]) for row in rows_of(lake, "events"))
    assert set(places.values()) <= {1}
    assert {(row["file_id"], row["ingest_row"]) for row in marks} <= set(landed)
    ids = Counter(row["message_id"].int for row in rows_of(lake, "events"))
    assert set(ids.values()) == {1}
    assert len(ids) == 1 + len(marks), "events and marks appear together"
    assert {difference(terms) for terms in books(lake).values()} == {0}
    assert len(rows_of(lake, "quarantine")) == WAITING + 1, "the refused rows stay where they were"
    assert lake.verify() == []
    return len(marks)


def disturb(server: Server, before: Path, folder: Path, killed: list[Point], refused: list[Point]) -> None:
    between = 0
    for number, (point, is_killed) in enumerate([*((p, True) for p in killed), *((p, False) for p in refused)]):
        name = f"{point[0]} {point[1]}, {'killed' if is_killed else 'refused'}"
        home = fresh(before, folder / str(number))
        if is_killed:
            assert server.kill(str(home), point) == -signal.SIGKILL, name
        else:
            assert server.refuse(str(home), point, ERRORS[number % 2]) in (0, REFUSED), name
        done = replayed(home)
        between += 0 < done < WAITING
        assert replay_all(home) == WAITING - done, name
        assert replayed(home) == WAITING, name
        assert replay_all(home) == 0, name
        shutil.rmtree(home)
    assert between, "no replay was disturbed between two of its landings"


def few(points: list[Point]) -> list[Point]:
    return points[:: max(len(points) // FEW, 1)][:FEW]


def test_a_replay_disturbed_at_some_point_is_completed_by_the_next_one(
    server: Server, before: Path, points: list[Point], tmp_path: Path
) -> None:
    """The ordinary suite."""
    disturb(server, before, tmp_path, few(points), few([p for p in points if p[0] in REFUSABLE])[::2])


@pytest.mark.deep
def test_a_replay_disturbed_at_every_point(server: Server, before: Path, points: list[Point], tmp_path: Path) -> None:
    """The deep suite."""
    disturb(server, before, tmp_path, points, [p for p in points if p[0] in REFUSABLE])
