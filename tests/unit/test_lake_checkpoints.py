"""Folding commit documents into checkpoints changes nothing that a reader or a writer of the lake can see."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from ingestion.lake_checkpoints import Checkpoints
from ingestion.lake_entries import Commit, Entry
from ingestion.lake_manifest import Manifest
from ingestion.lake_store import LocalStore, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Where the manifest lies; `tests/integration/test_lake_s3.py` runs the same tests in a bucket."""
    return LocalStore(tmp_path / "lake")


def commit(n: int, replaces: tuple[int, ...] = ()) -> Commit:
    return Commit(f"commit-{n:03}", [entry(n)], [entry(r).path for r in replaces])


def entry(n: int) -> Entry:
    path = f"events/tenant=rentals/received_date=2026-03-01/{n:03}.parquet"
    return Entry("events", path, "rentals", "web", rows=1, bytes=1, sha256="", parts={f"landing-{n}": 1})


def documents(store: Store, folder: str) -> int:
    return len(store.list(folder))


def test_folded_commits_stand_and_their_documents_go_with_the_next_fold(store: Store) -> None:
    manifest = Manifest(store)
    for n in range(6):
        assert manifest.add(commit(n))
    before = manifest.commits()
    assert manifest.fold(7) == 0, "too few"
    assert manifest.fold(6) == 6
    assert (documents(store, "manifest"), documents(store, "checkpoints")) == (6, 1)
    assert manifest.fold(1) == 0
    # Where no lock keeps writers away, one may still be about to make them: there they stay for a day.
    assert (documents(store, "manifest"), documents(store, "checkpoints")) == (0 if store.excludes else 6, 1)
    other = Manifest(store)
    assert manifest.commits() == other.commits() == before
    assert all(other.has(one.commit) for one in before), "what was landed is still known"
    assert not other.has("commit-006")


def test_checkpoints_stay_few(store: Store) -> None:
    manifest = Manifest(store)
    most = 0
    for n in range(100):
        manifest.add(commit(n))
        if n % 5 == 4:
            assert manifest.fold(1) == 5
            most = max(most, documents(store, "checkpoints"))
    assert most <= 4
    assert documents(store, "manifest") <= (5 if store.excludes else 100)
    assert len(Manifest(store).live()) == 100


def test_what_was_replaced_is_forgotten_when_its_file_is_gone(store: Store) -> None:
    manifest = Manifest(store)
    store.put(entry(1).path, b"still read by a build")
    for n in (0, 1):
        manifest.add(commit(n))
    manifest.add(commit(2, replaces=(0, 1)))
    manifest.fold(1)
    assert manifest.replaced() == {entry(1).path}
    assert [one.path for one in manifest.live()] == [entry(2).path]
    assert [len(one.entries) for one in manifest.commits()] == [0, 1, 1]
    assert manifest.has("commit-000")


def test_a_damaged_checkpoint_is_an_error_and_not_a_smaller_lake(store: Store) -> None:
    manifest = Manifest(store)
    manifest.add(commit(1))
    manifest.fold(1)
    (checkpoint,) = store.list("checkpoints")
    store.put(checkpoint.path, bytes(store.read(checkpoint.path)).replace(b"rentals", b"rentalz"))
    for ask in (lambda: Manifest(store).commits(), lambda: Manifest(store).has("commit-009")):
        with pytest.raises(AlmanacError, match=rf"{checkpoint.path} of the lake is damaged"):
            ask()


def test_two_folds_at_once_lose_and_revive_nothing(store: Store) -> None:
    """Where no lock keeps writers apart, two checkpoints may hold the same commits, one of them more than the other."""
    manifest = Manifest(store)
    for n in (0, 1):
        manifest.add(commit(n))
    manifest.add(commit(2, replaces=(0,)))
    one = manifest.commits()
    store.put(entry(0).path, b"there while the first folds")
    Checkpoints(store).fold(one)
    names = store.list("checkpoints")
    content = store.read(names[0].path)
    store.delete(entry(0).path)
    Checkpoints(store).fold([*one, commit(3)])
    store.put(names[0].path, content)  # the first writes its own after the second has looked
    assert documents(store, "checkpoints") == 2
    assert [file.path for file in Manifest(store).live()] == [entry(n).path for n in (1, 2)] + [entry(3).path]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 30)),
        st.tuples(st.just("replace"), st.integers(0, 30)),
        st.tuples(st.just("fold"), st.integers(1, 4)),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=12, deadline=None)
@given(steps)
def test_any_interleaving_shows_the_same_as_without_folding(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("lakes")
    plain, folded = Manifest(LocalStore(folder / "plain")), Manifest(LocalStore(folder / "folded"))
    number = 100
    for action, n in actions:
        if action == "fold":
            folded.fold(n)
        elif action == "add":
            assert folded.has(f"commit-{n:03}") == plain.has(f"commit-{n:03}")
            for manifest in (plain, folded):
                if not manifest.has(f"commit-{n:03}"):
                    manifest.add(commit(n))
        elif live := plain.live():
            number += 1
            path = live[n % len(live)].path
            for manifest in (plain, folded):
                assert manifest.add(Commit(f"commit-{number:03}", [entry(number)], [path]))
        assert folded.live() == plain.live()


def test_a_reader_never_misses_a_commit_while_it_is_folded(store: Store) -> None:
    """Documents go and checkpoints come while the reader lists them."""
    writer, stop = Manifest(store), threading.Event()
    made = 0

    def write() -> None:
        nonlocal made
        for n in range(60):
            writer.add(commit(n))
            made = n + 1
            if n % 3 == 2:
                writer.fold(1)
        stop.set()

    thread = threading.Thread(target=write)
    thread.start()
    reads = 0
    for seen, at_least in readings(store, stop, lambda: made):
        assert seen >= at_least
        reads += 1
    thread.join()
    assert len(Manifest(store).commits()) == 60
    assert reads >= 5


def readings(store: Store, stop: threading.Event, made: Any) -> Iterator[tuple[int, int]]:
    while not stop.is_set():
        at_least = made()
        yield len(Manifest(store).commits()), at_least
