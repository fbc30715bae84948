"""A backup is whole or it is the former one; restored, it is what was there, and nothing of what was erased."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import create_key, dump_state, hash_id, list_keys, load_state, open_state, suppress, suppressed_ids
from ingestion.backup.contents import DOCUMENT, LAKE, LOG, make_private, place, read_contents
from ingestion.backup.restoring import restore
from ingestion.backup.taking import take
from ingestion.collector.log_files import LogFile
from ingestion.lake import Lake
from ingestion.lake_entries import Commit, Entry
from ingestion.lake_manifest import Manifest
from ingestion.lake_store import LocalStore, open_store
from ingestion.tracking_plan import load_plan
from tests.unit.test_lake_compact import DAY, NEXT, NONE, content, land, versions

PLAN = load_plan()
LATER = date(2026, 4, 1)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """An installation with landings, refused events, a compacted day, a key, a suppressed id and a log."""
    settings = Settings.for_home(tmp_path / "home")
    lake = Lake.open(settings, PLAN)
    land(lake, 1, 2, -3)
    land(lake, 4, -5)
    lake.compact(today=NEXT, keep=NONE)
    land(lake, 6, day=NEXT)
    state = open_state(settings)
    create_key(state, "rentals", "web", "a shop", events_per_second=2.5)
    suppress(state, "rentals", "user", "u9", note="asked for")
    state.close()
    log(settings, b"acknowledged")
    return settings


def log(settings: Settings, record: bytes, name: str = "wal-1.log") -> Path:
    """A log file with one record, as a collector leaves it."""
    settings.log_dir.mkdir(exist_ok=True)
    file = LogFile(settings.log_dir / name)
    file.append([record])
    file.close()
    return file.path


def store(tmp_path: Path, name: str = "backup") -> LocalStore:
    """Where the backup of a test lies."""
    found = place(Settings.for_home(tmp_path), str(tmp_path / name))
    assert isinstance(found, LocalStore)
    return found


def restored(tmp_path: Path, name: str = "restored") -> Settings:
    """The backup, restored into a new installation."""
    settings = Settings.for_home(tmp_path / name)
    restore(settings, store(tmp_path))
    return settings


def rows(settings: Settings) -> object:
    """All rows of the lake, and the versions by which a build knows what it has built."""
    lake = Lake.open(settings, PLAN)
    assert lake.verify() == []
    return content(lake), versions(lake)


def state_of(settings: Settings) -> bytes:
    """The whole application state."""
    state = open_state(settings)
    try:
        return dump_state(state)
    finally:
        state.close()


class TestRestored:
    def test_lake_state_and_log_are_what_they_were(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        again = restored(tmp_path)
        assert rows(again) == rows(home)
        assert state_of(again) == state_of(home)
        assert {p.name: p.read_bytes() for p in again.log_dir.iterdir()} == {
            p.name: p.read_bytes() for p in home.log_dir.iterdir()
        }
        state = open_state(again)
        assert [key.events_per_second for key in list_keys(state)] == [2.5]
        known = suppressed_ids(state)
        assert hash_id(known.secret, "rentals", "u9") in known.by_tenant["rentals"]
        state.close()

    def test_what_was_landed_is_known_and_what_comes_next_lands(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        again = restored(tmp_path)
        lake = Lake.open(again, PLAN)
        before = content(lake)
        assert land(lake, 6, day=NEXT)
        assert content(lake) == before
        land(lake, 7, day=NEXT)
        lake.compact(today=LATER, keep=NONE)
        assert content(lake)["events"].total() == before["events"].total() + 1
        assert lake.verify() == []

    def test_it_can_be_done_again(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        again = restored(tmp_path)
        assert restored(tmp_path) == again
        assert rows(again) == rows(home)

    def test_one_that_was_interrupted_goes_on(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        again = Settings.for_home(tmp_path / "restored")
        for n in range(40):
            with pytest.MonkeyPatch.context() as patch:
                failing_after(patch, n, "put", "put_file")
                try:
                    restore(again, store(tmp_path))
                except AlmanacError:
                    assert Lake.open(again, PLAN).entries() == []
                    continue
            break
        assert n >= 3
        assert rows(again) == rows(home)

    def test_a_backup_of_a_backup_restored_is_the_same(self, home: Settings, tmp_path: Path) -> None:
        first = take(home, store(tmp_path))
        second = take(restored(tmp_path), store(tmp_path, "second"))
        assert {file for file in first.files if "checkpoints" not in file.path} == {
            file for file in second.files if "checkpoints" not in file.path
        }


class TestRefusals:
    def test_a_place_without_a_whole_backup(self, home: Settings, tmp_path: Path) -> None:
        with pytest.raises(AlmanacError, match="holds no whole backup"):
            restored(tmp_path)
        take(home, store(tmp_path))
        (store(tmp_path).folder / DOCUMENT).unlink()
        with pytest.raises(AlmanacError, match="holds no whole backup"):
            restored(tmp_path)

    @pytest.mark.parametrize("damage", ["changed", "gone", "state"])
    def test_a_damaged_backup_brings_nothing(self, home: Settings, tmp_path: Path, damage: str) -> None:
        contents = take(home, store(tmp_path))
        name = next(
            f.path for f in contents.files if f.path.startswith("state/" if damage == "state" else "lake/events")
        )
        path = store(tmp_path).folder / name
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(AlmanacError, match=f"{name} of the backup is (damaged|not there)"):
            restored(tmp_path)
        assert Lake.open(Settings.for_home(tmp_path / "restored"), PLAN).entries() == []

    def test_a_document_that_cannot_be_read(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        path = store(tmp_path).folder / DOCUMENT
        whole = path.read_text()
        path.write_text(whole[: len(whole) // 2])
        with pytest.raises(AlmanacError, match=r"BACKUP.json is damaged"):
            restored(tmp_path)
        path.write_text(json.dumps(json.loads(whole) | {"format": 99}))
        with pytest.raises(AlmanacError, match="newer Almanac"):
            restored(tmp_path)

    def test_a_lake_that_holds_something_else(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        other = Settings.for_home(tmp_path / "restored")
        land(Lake.open(other, PLAN), 77)
        before = rows(other)
        with pytest.raises(AlmanacError, match="holds 1 commits already"):
            restored(tmp_path)
        assert rows(other) == before

    def test_a_state_that_holds_something_else(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        other = Settings.for_home(tmp_path / "restored")
        state = open_state(other)
        create_key(state, "rentals", "other")
        before = dump_state(state)
        with pytest.raises(AlmanacError, match="holds 1 rows already"):
            restored(tmp_path)
        assert dump_state(state) == before
        state.close()
        assert Lake.open(other, PLAN).entries() == []

    def test_a_log_with_other_events(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        (tmp_path / "restored").mkdir()
        path = log(Settings.for_home(tmp_path / "restored"), b"others")
        before = path.read_bytes()
        with pytest.raises(AlmanacError, match="holds other events"):
            restored(tmp_path)
        assert path.read_bytes() == before

    def test_a_damaged_lake_leaves_the_former_backup(self, home: Settings, tmp_path: Path) -> None:
        former = take(home, store(tmp_path))
        lake = Lake.open(home, PLAN)
        land(lake, 8, day=LATER)
        entry = next(e for e in lake.entries("events") if str(LATER) in e.path)
        path = Path(lake.locate(entry.path))
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(AlmanacError, match="of the lake is damaged"):
            take(home, store(tmp_path))
        assert read_contents(store(tmp_path)) == former
        path.unlink()
        with pytest.raises(AlmanacError, match="a file that the lake's manifest names is not there"):
            take(home, store(tmp_path))


class TestTakenAgain:
    def test_only_what_is_new_is_copied(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        copied: list[int] = []
        take(home, store(tmp_path), begin=copied.append)
        land(Lake.open(home, PLAN), 8, day=LATER)
        take(home, store(tmp_path), begin=copied.append)
        assert copied[0] == 0 < copied[1]

    def test_what_was_erased_and_what_was_landed_is_gone_from_it(self, home: Settings, tmp_path: Path) -> None:
        first = take(home, store(tmp_path))
        lake = Lake.open(home, PLAN)
        for entry in lake.entries("events"):
            lake.rewrite(entry.path, "user_id = 'u1'")
        for path in home.log_dir.iterdir():
            path.unlink()
        second = take(home, store(tmp_path))
        folder = store(tmp_path).folder
        held = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert held == {file.path for file in second.files} | {DOCUMENT}
        assert not second.below(LOG)
        assert {f.path for f in first.below(f"{LAKE}events")} - {f.path for f in second.below(f"{LAKE}events")}
        assert rows(restored(tmp_path)) == rows(home)
        assert "'u1'" not in repr(content(Lake.open(home, PLAN))["events"])

    def test_stopped_at_any_point_it_is_the_former_one_or_the_new_one(self, home: Settings, tmp_path: Path) -> None:
        take(home, store(tmp_path))
        before = rows(home)
        lake = Lake.open(home, PLAN)
        land(lake, 8, -9, day=LATER)
        for entry in lake.entries("events"):
            lake.rewrite(entry.path, "user_id = 'u1'")
        after = rows(home)
        stops = 0
        for n in range(60):
            with pytest.MonkeyPatch.context() as patch:
                failing_after(patch, n, "put", "put_file")
                failing_after(patch, 2 * n, "delete")
                try:
                    take(home, store(tmp_path))
                    done = True
                except AlmanacError:
                    done = False
                    stops += 1
            found = rows(restored(tmp_path, f"restored-{n}"))
            assert found in (before, after)
            if done:
                assert found == after
                break
        assert stops >= 5

    def test_what_it_holds_is_read_again_if_asked(self, home: Settings, tmp_path: Path) -> None:
        contents = take(home, store(tmp_path))
        path = store(tmp_path).folder / next(file.path for file in contents.below(f"{LAKE}events"))
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"?")
        take(home, store(tmp_path), reread=True)
        assert path.read_bytes() == whole


def test_beside_what_lands_and_compacts_it_holds_what_was_there_before(tmp_path: Path) -> None:
    home = Settings.for_home(tmp_path / "home")
    landed: list[int] = []
    stop = Event()

    def work() -> None:
        lake = Lake.open(home, PLAN)
        for n in range(1, 400):
            if stop.is_set():
                return
            land(lake, n, day=DAY + timedelta(days=n % 3))
            landed.append(n)
            if n % 5 == 0:
                lake.compact(today=LATER, keep=NONE)
            if n % 7 == 0:
                lake.fold(2)

    worker = Thread(target=work)
    worker.start()
    try:
        for n in range(6):
            before = len(landed)
            take(home, store(tmp_path))
            lake = Lake.open(restored(tmp_path, f"restored-{n}"), PLAN)
            assert lake.verify() == []
            events = content(lake)["events"]
            assert set(events.values()) <= {1}
            assert before <= events.total()
    finally:
        stop.set()
        worker.join()
    assert len(landed) > 10


def test_a_large_file_is_never_whole_in_memory(home: Settings, tmp_path: Path) -> None:
    size = 24 * 2**20
    lake = open_store(home)
    name = "history/kpi/large.parquet"
    for path in (Path(lake.locate(name)), home.log_dir / "wal-2.log"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)  # takes no room on the disk
    zeros = hashlib.sha256(bytes(size)).hexdigest()
    Manifest(lake).add(Commit("large", [Entry("history", name, "", "", 0, size, zeros)]))
    tracemalloc.start()
    try:
        take(home, store(tmp_path))
        again = restored(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert {Path(open_store(again).locate(name)).stat().st_size, (again.log_dir / "wal-2.log").stat().st_size} == {size}
    assert (again.log_dir / "wal-2.log").stat().st_mode & 0o777 == 0o600
    assert peak < size / 3, f"{peak:,} bytes"


class TestState:
    def test_of_an_older_schema_it_is_brought_up_to_date(self, tmp_path: Path) -> None:
        """As it was before keys had limits."""
        key = {
            "id": "a" * 32,
            "token_hash": "b" * 64,
            "prefix": "alm_12345678",
            "tenant": "rentals",
            "source": "web",
            "name": "old",
            "created_at": "2026-01-02T03:04:05+00:00",
            "revoked_at": None,
        }
        state = open_state(Settings.for_home(tmp_path))
        load_state(state, json.dumps({"schema": "0001", "tables": {"write_keys": [key]}}).encode())
        (found,) = list_keys(state)
        assert (found.name, found.created_at.isoformat(), found.events_per_second) == ("old", key["created_at"], None)
        assert json.loads(dump_state(state))["schema"] > "0001"
        create_key(state, "rentals", "web")
        state.close()

    @pytest.mark.parametrize("text", ["", "[]", '{"schema": "9999", "tables": {}}'])
    def test_what_cannot_be_read_is_refused(self, tmp_path: Path, text: str) -> None:
        state = open_state(Settings.for_home(tmp_path))
        with pytest.raises(AlmanacError, match="the copy of the application state"):
            load_state(state, text.encode())
        state.close()


def test_the_folder_is_for_this_user_alone(tmp_path: Path) -> None:
    make_private(str(tmp_path / "a" / "backup"))
    assert (tmp_path / "a" / "backup").stat().st_mode & 0o077 == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(AlmanacError, match="give another folder"):
        make_private(str(tmp_path / "file" / "backup"))


def failing_after(patch: pytest.MonkeyPatch, calls: int, *names: str) -> None:
    """Let these methods of every folder work, until they were called so often together."""
    left = [calls]

    def failing(real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object, **more: object) -> None:
            if left[0] == 0:
                raise AlmanacError("the disk refuses")
            left[0] -= 1
            real(*arguments, **more)

        return call

    for name in names:
        patch.setattr(LocalStore, name, failing(getattr(LocalStore, name)))
