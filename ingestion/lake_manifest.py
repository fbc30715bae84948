"""The manifest: one JSON document per commit, which is the moment at which files exist for readers."""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from almanac.errors import AlmanacError
from ingestion.lake_store import Store, Stored

FOLDER = "manifest"
Kind = Literal["events", "quarantine", "counters", "replays", "history"]
KINDS: tuple[Kind, ...] = ("events", "quarantine", "counters", "replays", "history")


@dataclass(frozen=True)
class Entry:
    """One file of the lake.

    `path` is posix and relative to the lake; times are ISO 8601 in UTC without an offset, None where the file has no
    rows or no such column; `parts` maps each landing (`file_id`) in the file to its version: 1 when it landed, above
    that after rows were dropped.
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


@dataclass(frozen=True)
class Commit:
    """What appears at once: its files, and the paths that they replace.

    What is replaced is deleted at once, because rows were dropped; or later, if they were kept: `kept_since` (UTC) is
    when a reader could last be told to read it.
    """

    commit: str
    entries: list[Entry]
    replaces: list[str] = field(default_factory=list)
    kept_since: str | None = None


_decode = msgspec.json.Decoder(Commit).decode


class Manifest:
    """Reads and writes commit documents. A document never changes, so each is parsed once per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[str, tuple[Stored, Commit]] = {}

    def has(self, commit: str) -> bool:
        """Whether this commit was made; if so it lasts, and what was landed by it may be forgotten."""
        path = _path(commit)
        if self._store.stat(path) is None:
            return False
        # Its writer may have died between the rename and the fsync that makes the name durable.
        self._store.settle(path)
        return True

    def add(self, commit: Commit) -> None:
        """Make a commit: from here on its files exist for readers, and those it replaces do not."""
        self._store.put(_path(commit.commit), msgspec.json.format(msgspec.json.encode(commit), indent=1))

    def commits(self) -> list[Commit]:
        """All commits, in the order of their names. Raises AlmanacError for a document that cannot be read."""
        return [self._read(stored) for stored in self._store.list(FOLDER) if stored.path.endswith(".json")]

    def replaced(self) -> set[str]:
        """The paths that a commit replaced."""
        return {path for commit in self.commits() for path in commit.replaces}

    def live(self) -> list[Entry]:
        """The entries that exist for readers, sorted by path."""
        gone = self.replaced()
        entries = (entry for commit in self.commits() for entry in commit.entries if entry.path not in gone)
        return sorted(entries, key=lambda entry: entry.path)

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
