"""Landing, compaction and erasure are killed, or refused by the disk, at every call that changes it.

Afterwards nothing is half there, nothing is lost or twice, and the same job simply goes through.
"""

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.lake import Lake
from tests.integration.lake_writer import JOBS, compact, erase, land, opened
from tests.traced_jobs import ERRORS, REFUSED, Point, Server

pytestmark = pytest.mark.xdist_group("lake_kill")  # what its tests share is made once

ORDINARY = 5  # points of each job and kind of disturbance in the ordinary suite, spread over all of them


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("tests.integration.lake_writer") as own:
        yield own


@pytest.fixture
def before(tmp_path: Path) -> dict[str, Path]:
    """A home as each job finds it: two landings of the day before; for erasure, compacted but not yet deleted."""
    home = tmp_path / "before"
    for first in (10, 20):
        land(home, first)
    compacted = tmp_path / "compacted"
    shutil.copytree(home, compacted)
    opened(compacted).compact()
    return {"land": home, "compact": home, "erase": compacted, "fold": compacted}


@pytest.mark.parametrize("job", JOBS)
def test_a_disturbed_job_leaves_nothing_half_and_goes_through_the_next_time(
    server: Server, before: dict[str, Path], tmp_path: Path, job: str
) -> None:
    """The ordinary suite: some points of each kind, the first and the last among them."""
    points = points_of(server, job, before[job], tmp_path)
    assert len(points) >= 10
    few = points[:: len(points) // ORDINARY] + points[-1:]
    disturb(server, job, before[job], tmp_path, few, few[1::2])


@pytest.mark.deep
@pytest.mark.parametrize("job", JOBS)
def test_a_job_disturbed_at_every_single_point(
    server: Server, before: dict[str, Path], tmp_path: Path, job: str
) -> None:
    """The deep suite: every point, every disturbance."""
    points = points_of(server, job, before[job], tmp_path)
    disturb(server, job, before[job], tmp_path, points, points)


def points_of(server: Server, job: str, home: Path, tmp_path: Path) -> list[Point]:
    return server.points(f"{job} {fresh(home, tmp_path / 'count')}", tmp_path / "strace.log")


def disturb(server: Server, job: str, start: Path, tmp_path: Path, killed: list[Point], refused: list[Point]) -> None:
    undisturbed = fresh(start, tmp_path / "undisturbed")
    JOBS[job](undisturbed)
    old, new = content(opened(start)), content(opened(undisturbed))
    for point, error in [*((p, None) for p in killed), *((p, e) for p in refused for e in ERRORS)]:
        name = f"{job}: {point[0]} {point[1]}, {error or 'killed'}"
        home = fresh(start, tmp_path / "disturbed")
        if error is None:
            assert server.kill(f"{job} {home}", point) == -signal.SIGKILL, name
        else:
            assert server.refuse(f"{job} {home}", point, error) in (0, REFUSED), name
        lake = opened(home)
        assert lake.verify() == [], name
        between(content(lake), old, new, name)
        JOBS[job](home)
        assert content(opened(home)) == new, name
        assert opened(home).verify() == [], name
        opened(home).compact()
        left = [p.name for p in (home / "lake.tmp").iterdir() if p.name != "lock"]
        assert left == [], name
        assert list((home / "lake" / "intents").iterdir()) == [], name
        shutil.rmtree(home)


def between(found: Counter[str], old: Counter[str], new: Counter[str], name: str) -> None:
    """No row that stands before and after is missing, none came from nowhere, none is there twice."""
    assert found >= old & new, name
    assert found <= old | new, name


def content(lake: Lake) -> Counter[str]:
    """Every row of every kind, with its place."""
    return Counter(
        entry.kind + repr({name: value for name, value in sorted(row.items()) if value is not None})
        for entry in lake.entries()
        for row in lake.read(entry).to_pylist()
    )


def fresh(start: Path, home: Path) -> Path:
    shutil.copytree(start, home)
    return home


def test_the_jobs_change_what_they_should(before: dict[str, Path], tmp_path: Path) -> None:
    """Otherwise the tests above would compare nothing with nothing."""
    sizes = {}
    for name, do in (("land", land), ("compact", compact), ("erase", erase)):
        home = fresh(before[name], tmp_path / name)
        do(home)
        sizes[name] = (len(opened(home).entries()), content(opened(home)).total())
    standing = content(opened(before["land"])).total()
    assert sizes["land"][1] == standing + 12, "ten events and two counters"
    assert sizes["compact"] == (6, standing)
    assert sizes["erase"][1] == standing, "four rows less, four counters more"
