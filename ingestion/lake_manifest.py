"""The manifest: one JSON document per commit, which is the moment at which files exist for readers.

A landing's document bears its name, so that it can be made once. A commit that depends on what is live (it replaces
files, it replays refused events) is numbered, and each number can be taken once: who takes the next one has seen all
before it. So no two commits replace the same file, also where no lock keeps writers apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from almanac.errors import AlmanacError
from ingestion.lake_parallel import at_once
from ingestion.lake_store import Store, Stored, Taken

FOLDER = "manifest"
Kind = Literal["events", "quarantine", "counters", "replays", "tables", "history"]
KINDS: tuple[Kind, ...] = ("events", "quarantine", "counters", "replays", "tables", "history")


@dataclass(frozen=True)
class Entry:
    """One file of the lake.

    `path` is posix and relative to the lake; times are ISO 8601 in UTC without an offset, None where the file has no
    rows or no such column; `parts` maps each landing (`file_id`) in the file to its version: 1 when it landed, above
    that after rows were dropped. `cursor_max` is the greatest cursor of a foreign table's rows.
    """

    kind: Kind
    path: str
    tenant: str
    source: str
    rows: int
    bytes: int
    sha256: str
    received_min: str | None = None
    received_max: str | None = None
    event_min: str | None = None
    event_max: str | None = None
    parts: dict[str, int] = field(default_factory=dict)
    cursor_max: str | None = None


@dataclass(frozen=True)
class Commit:
    """What appears at once: its files, the paths that they replace, and its number if it has one.

    What is replaced is deleted at once, because rows were dropped; or later, if they were kept: `kept_since` (UTC) is
    when a reader could last be told to read it.
    """

    commit: str
    entries: list[Entry]
    replaces: list[str] = field(default_factory=list)
    kept_since: str | None = None
    number: int = 0


class Superseded(AlmanacError):
    """What a commit depends on was changed by another process in the meantime."""


_decode = msgspec.json.Decoder(Commit).decode


class Manifest:
    """Reads and writes commit documents. A document never changes, so each is parsed once per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[str, tuple[Stored, Commit]] = {}

    def has(self, commit: str, *, numbered: bool = False) -> bool:
        """Whether this commit was made; if so it lasts, and what was landed by it may be forgotten.

        A numbered one is searched among all commits.
        """
        path = _path(commit)
        names = {made.commit for made in self.commits()} if numbered else set()
        if commit not in names and (numbered or self._store.stat(path) is None):
            return False
        # Its writer may have died between the rename and the fsync that makes the name durable.
        self._store.settle(path)
        return True

    def add(self, commit: Commit, only_if: Callable[[], bool] | None = None) -> bool:
        """Make a commit: from here on its files exist for readers, and those it replaces do not.

        Returns False if it was made already. Raises Superseded if a file it replaces is live no more or `only_if` says
        no; then nothing was committed, and the work is to be done again on what is live now.
        """
        if commit.replaces or only_if is not None:
            return self._add_numbered(commit, only_if or (lambda: True))
        try:
            return self._store.create(_path(commit.commit), _encode(commit))
        except Taken:
            # Two writers landed the same content: the files of the one whose commit is there count.
            return False

    def _add_numbered(self, commit: Commit, only_if: Callable[[], bool]) -> bool:
        while True:
            made = self.commits()
            number = 1 + max((one.number for one in made), default=0)
            if commit.commit in {one.commit for one in made}:
                return False
            gone = set(commit.replaces) - {entry.path for entry in _live(made)}
            if gone:
                raise Superseded(f"{min(gone)} of the lake was replaced by another process meanwhile: do it again")
            if not only_if():
                raise Superseded("another process of the lake was quicker: do it again")
            try:
                return self._store.create(_path(f"numbered-{number:08}"), _encode(replace(commit, number=number)))
            except Taken:
                continue  # another process took this number: what it did is seen first

    def commits(self) -> list[Commit]:
        """All commits, in the order of their names. Raises AlmanacError for a document that cannot be read."""
        documents = [stored for stored in self._store.list(FOLDER) if stored.path.endswith(".json")]
        return at_once(self._store, self._read, documents)

    def entries_of(self, commit: str) -> list[Entry]:
        """The entries that one commit brought; none if it was not made."""
        return [entry for made in self.commits() if made.commit == commit for entry in made.entries]

    def replaced(self) -> set[str]:
        """The paths that a commit replaced."""
        return {path for commit in self.commits() for path in commit.replaces}

    def live(self) -> list[Entry]:
        """The entries that exist for readers, sorted by path."""
        return sorted(_live(self.commits()), key=lambda entry: entry.path)

    def _read(self, stored: Stored) -> Commit:
        known = self._parsed.get(stored.path)
        if known is not None and known[0] == stored:
            return known[1]
        try:
            commit = _decode(self._store.read(stored.path))
        except msgspec.DecodeError as error:
            raise AlmanacError(
                f"{stored.path} of the lake is damaged ({error}): restore it from a copy of the lake"
            ) from error
        self._parsed[stored.path] = (stored, commit)
        return commit


def _path(commit: str) -> str:
    return f"{FOLDER}/{commit}.json"


def _encode(commit: Commit) -> bytes:
    return msgspec.json.format(msgspec.json.encode(commit), indent=1)


def _live(commits: list[Commit]) -> list[Entry]:
    gone = {path for commit in commits for path in commit.replaces}
    return [entry for commit in commits for entry in commit.entries if entry.path not in gone]
