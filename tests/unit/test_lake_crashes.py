"""The lake in any order, at once from several sides, and cut off at any moment: nothing half, nothing twice."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.lake_parts import LandResult
from tests.lake_place import Place
from tests.lake_rows import DAY, NEXT, PLAN, arrival, bad, land, sums

pieces = st.lists(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from([DAY, NEXT]), st.booleans()), max_size=4),
    min_size=1,
    max_size=4,
)


@settings(max_examples=15, deadline=None)
@given(pieces, st.randoms(use_true_random=False))
def test_any_order_and_repetition_of_landings_gives_the_same_lake(
    tmp_path_factory: pytest.TempPathFactory, contents: list[list[tuple[int, date, bool]]], random: Any
) -> None:
    landings = {
        f"content {index}": [(arrival if is_good else bad)(n, day) for n, day, is_good in content]
        for index, content in enumerate(contents)
    }
    order = [name for name in landings for _ in range(random.randint(1, 3))]
    random.shuffle(order)
    lakes = [Lake.open(Settings.for_home(tmp_path_factory.mktemp("lake")), PLAN) for _ in range(2)]
    for name in landings:
        land(lakes[0], landings[name], name)
    new = [land(lakes[1], landings[name], name).is_new for name in order]
    assert sum(new) == sum(1 for content in landings.values() if content)
    assert lakes[0].entries() == lakes[1].entries()
    assert lakes[1].verify() == []
    total = sum(len(content) for content in contents)
    counted = sums(lakes[1])
    assert counted["received"] == counted["accepted"] + counted["quarantined"] == total


def test_writers_at_once_land_each_content_once(place: Place) -> None:
    results: list[LandResult] = []

    def write(mine: int) -> None:
        own = Lake.open(place.settings, PLAN)
        results.append(land(own, [arrival(1), bad(2)], "shared"))
        results.append(land(own, [arrival(mine)], f"own {mine}"))

    threads = [threading.Thread(target=write, args=(10 + n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lake = Lake.open(place.settings, PLAN)
    assert sum(result.is_new for result in results) == 7
    assert sums(lake) == {"received": 8, "suppressed": 0, "erased": 0, "accepted": 7, "quarantined": 1}
    assert lake.verify() == []


# Crashes


class Crash(BaseException):
    """The process dies: no handler of the code under test may do anything more."""


POINTS = ("write", "fsync", "rename", "mkdir", "unlink")


@contextmanager
def dying_at(point: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Die before the `point`-th call that changes the disk, and stay dead; the list says which calls were made."""
    made: list[str] = []

    def hook(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if len(made) >= point:
                raise Crash
            made.append(name)
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in POINTS:
            patch.setattr(os, name, hook(name))
        yield made


def every_crash(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any], after: Callable[[], None]) -> list[str]:
    """Run `work` dying at each of its points in turn, `after` once after each death; returns all points."""
    for point in range(200):
        with dying_at(point, monkeypatch) as made:
            try:
                work()
            except Crash:
                died = True
            else:
                died = False
        if not died:
            return made
        after()
    raise AssertionError("it never ends")


def test_a_landing_that_dies_anywhere_leaves_all_or_nothing_of_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals = [arrival(1), bad(2), arrival(1, NEXT)]
    undisturbed = Lake.open(Settings.for_home(tmp_path / "undisturbed"), PLAN)
    land(undisturbed, arrivals)
    expected = undisturbed.entries()
    home = tmp_path / "crashing"
    seen: set[int] = set()

    def after() -> None:
        lake = Lake.open(Settings.for_home(home), PLAN)
        live = lake.entries()
        seen.add(len(live))
        first_part = [entry for entry in expected if str(DAY) in entry.path]
        assert live in ([], first_part, expected), "a part is there or it is not"
        assert lake.verify() == [], "what a dead writer left is known"
        files = [path for path in (home / "lake").rglob("*") if path.is_file()]
        assert all(path.suffix in (".parquet", ".json") for path in files), "temporary files lie outside"
        assert land(lake, arrivals).is_new == (live != expected)
        assert lake.entries() == expected
        assert lake.verify() == []
        shutil.rmtree(home)

    made = every_crash(monkeypatch, lambda: land(Lake.open(Settings.for_home(home), PLAN), arrivals), after)
    assert len(made) >= 28, "seven files, each written, synced, renamed, its folder synced"
    assert seen == {0, 3, 5}


def test_each_file_is_on_the_disk_before_it_has_its_name_and_the_commit_comes_last(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, [arrival(1), bad(2)], "makes the folders")
    renamed: list[str] = []
    real = os.rename
    monkeypatch.setattr(os, "rename", lambda old, new: (renamed.append(Path(new).parts[-4]), real(old, new)))
    with dying_at(1000, monkeypatch) as made:
        land(lake, [arrival(3), bad(4)], "is watched")
    whole = ["write", "fsync", "rename", "fsync"]
    assert made == ["write", "rename", *whole * 4, "unlink"], "what is intended, three files, the commit"
    assert sorted(renamed[1:4]) == ["counters", "events", "quarantine"]


def test_a_landing_that_is_there_already_is_made_to_last(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first writer may have died before the commit's name was durable, and the caller now forgets the content."""
    land(lake, [arrival(1)])
    with dying_at(1000, monkeypatch) as made:
        assert not land(lake, [arrival(1)]).is_new
    assert made == ["fsync"]


def test_a_rewrite_that_dies_anywhere_is_done_or_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    counts: set[int] = set()

    def start() -> Lake:
        shutil.rmtree(home, ignore_errors=True)
        lake = Lake.open(Settings.for_home(home), PLAN)
        land(lake, [arrival(1), arrival(2)])
        return lake

    def rewrite() -> None:
        lake = Lake.open(Settings.for_home(home), PLAN)
        lake.rewrite(lake.entries("events")[0].path, "user_id = 'user-1'")

    def after() -> None:
        lake = Lake.open(Settings.for_home(home), PLAN)
        counted = sums(lake)
        counts.add(counted["accepted"])
        assert counted["accepted"] + counted["erased"] == 2
        rewrite()
        assert sums(lake) == {"received": 2, "suppressed": 0, "erased": 1, "accepted": 1, "quarantined": 0}
        assert lake.verify() == [], "also what a dead rewrite had replaced is deleted"
        start()

    start()
    assert len(every_crash(monkeypatch, rewrite, after)) >= 13
    assert counts == {1, 2}


def test_a_full_disk_lands_nothing_and_the_same_landing_goes_through_later(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    with monkeypatch.context() as patch:
        # A full disk first writes less than it was given, then refuses.
        taken: list[int] = []

        def full(handle: int, data: bytes) -> int:
            if taken:
                raise OSError(28, "No space left on device")
            taken.append(real(handle, data[:10]))
            return taken[0]

        patch.setattr(os, "write", full)
        with pytest.raises(AlmanacError, match=r"cannot write .*No space left on device"):
            land(lake, [arrival(1)])
    assert lake.entries() == []
    assert lake.verify() == []
    assert land(lake, [arrival(1)]).is_new
    assert lake.verify() == []


def test_short_writes_are_continued(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:1000]))
    land(lake, [arrival(1)])
    assert lake.verify() == []


KILLED = """
import os, signal, sys
from datetime import UTC, date, datetime
from pathlib import Path
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake

home, last = Path(sys.argv[1]), int(sys.argv[2])
real, renames = os.rename, 0

def rename(*args):
    global renames
    if renames == last:
        os.kill(os.getpid(), signal.SIGKILL)
    renames += 1
    real(*args)

os.rename = rename
message = {"type": "page", "userId": "u", "messageId": "m"}
arrivals = [Arrival(datetime(2026, 3, 1, tzinfo=UTC), m) for m in (message, {"type": "nonsense"})]
Lake.open(Settings.for_home(home)).land("rentals", "web", arrivals, content_hash="c", received={date(2026, 3, 1): 2})
"""


@pytest.mark.parametrize("renames", [2, 4])
def test_a_killed_process_shows_nothing_until_its_commit(tmp_path: Path, root: Path, renames: int) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.run([*command, str(renames)], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    lake = Lake.open(Settings.for_home(tmp_path), PLAN)
    assert lake.entries() == []
    assert lake.verify() == [], "what it left is known, and a redo overwrites it"
    left = [path for path in (tmp_path / "lake").rglob("*.parquet") if path.is_file()]
    assert len(left) == renames - 1
    assert lake.compact().deleted == len(left)
    message = {"type": "page", "userId": "u", "messageId": "m"}
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    land(lake, [Arrival(midnight, message), Arrival(midnight, {"type": "nonsense"})], "c")
    assert sums(lake) == {"received": 2, "suppressed": 0, "erased": 0, "accepted": 1, "quarantined": 1}
    assert lake.verify() == []
