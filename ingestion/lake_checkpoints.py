"""Checkpoints: many commit documents folded into one, so that finding what the lake holds stays quick.

A checkpoint stands for its commits for ever, so a landing that was folded is still known. Small checkpoints are folded
into larger ones: there are few, and a commit is written again only a few times. Their names are their SHA-256.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import msgspec

from almanac.errors import AlmanacError
from ingestion.lake_entries import Commit
from ingestion.lake_intents import DEAD
from ingestion.lake_store import Store

FOLDER = "checkpoints"
TRIES = 100  # what is folded while it is read is read again
LEAST = 50  # documents that are worth a fold
GROWTH = 4  # a checkpoint is folded again when the new ones reach a quarter of it


@dataclass(frozen=True)
class Checkpoint:
    """Commits, the names of the checkpoints that were folded into this one, and when (UTC) it was made."""

    commits: list[Commit]
    supersedes: list[str] = field(default_factory=list)
    made_at: str = ""


def checkpoint_of(commits: Sequence[Commit], made_at: datetime, supersedes: Sequence[str] = ()) -> tuple[str, bytes]:
    """The path and the content of a checkpoint that stands for these commits."""
    made = Checkpoint(list(commits), list(supersedes), made_at.isoformat(timespec="seconds"))
    data = msgspec.json.encode(made)
    return f"{FOLDER}/{hashlib.sha256(data).hexdigest()}.json", data


class _Name(msgspec.Struct):
    """As much of a commit as says which one it is; the rest is passed over when it is read."""

    commit: str
    number: int = 0


class _Names(msgspec.Struct):
    commits: list[_Name]


_decode = msgspec.json.Decoder(Checkpoint).decode
_decode_names = msgspec.json.Decoder(_Names).decode

# The documents of the checkpoints that this process has seen: a landing only asks whether it was made, and every
# object of the lake asks anew.
_documents: dict[str, frozenset[str]] = {}


class Checkpoints:
    """Reads and writes the checkpoints of a lake. One never changes, so each is parsed once per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[str, Checkpoint] = {}
        self._joined: tuple[frozenset[str], dict[str, Commit]] = (frozenset(), {})

    def names(self) -> frozenset[str]:
        """The paths of the checkpoints that are there now."""
        return frozenset(file.path for file in self._store.list(FOLDER) if file.path.endswith(".json"))

    def commits(self, names: frozenset[str]) -> dict[str, Commit]:
        """Every commit of these checkpoints by its document.

        Raises FileNotFoundError if one was folded into another meanwhile, AlmanacError if one is damaged.
        """
        if self._joined[0] != names:
            self._joined = (names, _joined(self._read(name) for name in sorted(names)))
        return self._joined[1]

    def holds(self, document: str) -> bool:
        """Whether a document was folded."""
        return any(document in folded for folded in self.documents())

    def documents(self) -> list[frozenset[str]]:
        """The documents that were folded, by checkpoint."""
        for _ in range(TRIES):
            names = self.names()
            try:
                known = {name: _documents.get(name) or self._read_documents(name) for name in names}
            except FileNotFoundError:
                continue  # one was folded into another meanwhile
            _documents.clear()
            _documents.update(known)
            return list(known.values())
        raise AlmanacError("the lake's checkpoints do not come to rest: see what folds them, then do it again")

    def fold(self, fresh: Sequence[Commit]) -> None:
        """Write a checkpoint of these commits and of the smaller checkpoints, in whose place it stands from then on."""
        names = self.names()
        small: list[str] = []
        count = len(fresh)
        for name in sorted(names, key=lambda name: len(self._read(name).commits)):
            if len(self._read(name).commits) > GROWTH * count:
                break
            small.append(name)
            count += len(self._read(name).commits)
        commits = _joined([*(self._read(name) for name in small), Checkpoint(list(fresh))]).values()
        self._store.put(*checkpoint_of(self._without_the_dead(commits), datetime.now(UTC), small))
        for name in small:
            self._store.delete(name)

    def folded_for_good(self, now: datetime) -> set[str]:
        """The documents that nobody needs any more: folded, and no writer can still be about to make them.

        Where the store's lock keeps other writers away that is so at once, in an object store after a day.
        """
        old = [
            checkpoint
            for checkpoint in map(self._read, self.names())
            if self._store.excludes or now - datetime.fromisoformat(checkpoint.made_at) > DEAD
        ]
        return {commit.document for checkpoint in old for commit in checkpoint.commits}

    def _read(self, name: str) -> Checkpoint:
        known = self._parsed.get(name)
        if known is None:
            known = self._parsed[name] = _decode(self._content(name))
        return known

    def _read_documents(self, name: str) -> frozenset[str]:
        names = _decode_names(self._content(name)).commits
        return frozenset(Commit(one.commit, [], number=one.number).document for one in names)

    def _content(self, name: str) -> bytes:
        data = self._store.read(name)
        if f"{FOLDER}/{hashlib.sha256(data).hexdigest()}.json" != name:
            raise AlmanacError(f"{name} of the lake is damaged: restore it from a copy of the lake")
        return data

    def _without_the_dead(self, commits: Iterable[Commit]) -> list[Commit]:
        """The commits without entries that were replaced and whose file is gone, and without what replaced them."""
        commits = list(commits)
        named = {entry.path for commit in commits for entry in commit.entries}
        replaced = {path for commit in commits for path in commit.replaces}
        dead = {path for path in named & replaced if self._store.stat(path) is None}
        return [
            replace(
                commit,
                entries=[entry for entry in commit.entries if entry.path not in dead],
                replaces=[path for path in commit.replaces if path not in dead],
            )
            for commit in commits
        ]


def _joined(checkpoints: Iterable[Checkpoint]) -> dict[str, Commit]:
    """The commits by their documents; of one that stands in two checkpoints what neither of them knows to be dead."""
    found: dict[str, Commit] = {}
    for checkpoint in checkpoints:
        for commit in checkpoint.commits:
            other = found.get(commit.document)
            if other is not None:
                paths = {entry.path for entry in other.entries}
                commit = replace(
                    commit,
                    entries=[entry for entry in commit.entries if entry.path in paths],
                    replaces=sorted({*commit.replaces, *other.replaces}),
                )
            found[commit.document] = commit
    return found
