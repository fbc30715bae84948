"""The manifest: one JSON document per commit, which is the moment at which files exist for readers.

A landing's document bears its name, so that it can be made once. A commit that depends on what is live (it replaces
files, it replays refused events) is numbered, and each number can be taken once: who takes the next one has seen all
before it. So no two commits replace the same file, also where no lock keeps writers apart. Many documents are folded
into checkpoints (`lake_checkpoints.py`) and then removed.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from almanac.errors import AlmanacError
from ingestion.lake_checkpoints import LEAST, TRIES, Checkpoints
from ingestion.lake_entries import KINDS, MANIFEST, Commit, Entry, Kind, document_of
from ingestion.lake_parallel import at_once
from ingestion.lake_store import Store, Stored, Taken

__all__ = ["KINDS", "Commit", "Entry", "Kind", "Manifest", "Superseded", "live_entries"]


class Superseded(AlmanacError):
    """What a commit depends on was changed by another process in the meantime."""


_decode = msgspec.json.Decoder(Commit).decode


class Manifest:
    """Reads and writes commit documents. A document never changes, so each is parsed once per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[str, tuple[Stored, Commit]] = {}
        self._checkpoints = Checkpoints(store)

    def has(self, commit: str, *, numbered: bool = False) -> bool:
        """Whether this commit was made; if so it lasts, and what was landed by it may be forgotten.

        A numbered one is searched among all commits.
        """
        if numbered:
            if commit not in {made.commit for made in self.commits()}:
                return False
        elif self._store.stat(document_of(commit)) is None:
            return self._checkpoints.holds(document_of(commit))
        # Its writer may have died between the rename and the fsync that makes the name durable.
        self._store.settle(document_of(commit))
        return True

    def add(self, commit: Commit, only_if: Callable[[], bool] | None = None) -> bool:
        """Make a commit: from here on its files exist for readers, and those it replaces do not.

        Returns False if it was made already. Raises Superseded if a file it replaces is live no more or `only_if` says
        no; then nothing was committed, and the work is to be done again on what is live now.
        """
        if commit.replaces or only_if is not None:
            return self._add_numbered(commit, only_if or (lambda: True))
        try:
            return self._store.create(commit.document, encoded(commit))
        except Taken:
            # Two writers landed the same content: the files of the one whose commit is there count.
            return False

    def _add_numbered(self, commit: Commit, only_if: Callable[[], bool]) -> bool:
        while True:
            made = self.commits()
            number = 1 + max((one.number for one in made), default=0)
            if commit.commit in {one.commit for one in made}:
                return False
            gone = set(commit.replaces) - {entry.path for entry in live_entries(made)}
            if gone:
                raise Superseded(f"{min(gone)} of the lake was replaced by another process meanwhile: do it again")
            if not only_if():
                raise Superseded("another process of the lake was quicker: do it again")
            numbered = replace(commit, number=number)
            try:
                return self._store.create(numbered.document, encoded(numbered))
            except Taken:
                continue  # another process took this number: what it did is seen first

    def commits(self) -> list[Commit]:
        """All commits, in the order of their documents. Raises AlmanacError for a document that cannot be read."""
        for _ in range(TRIES):
            names = self._checkpoints.names()
            try:
                found = dict(self._checkpoints.commits(names))
                fresh = [stored for stored in self._documents() if stored.path not in found]
                found |= {commit.document: commit for commit in at_once(self._store, self._read, fresh)}
            except FileNotFoundError:
                continue  # folded meanwhile
            # What was folded while the documents were listed may stand neither here nor there.
            if self._checkpoints.names() == names:
                return [found[document] for document in sorted(found)]
        raise AlmanacError("the lake's manifest does not come to rest: see what folds it, then do it again")

    def fold(self, least: int = LEAST) -> int:
        """Fold commit documents into a checkpoint if there are at least so many; how many were folded.

        The caller holds the store's lock. Also removes the documents that were folded before. A crash in between leaves
        documents twice, which are seen once.
        """
        done = self._checkpoints.folded_for_good(datetime.now(UTC))
        folded = frozenset().union(*self._checkpoints.documents())
        documents = self._documents()
        for stored in documents:
            if stored.path in done:
                self._store.delete(stored.path, durable=False)
        fresh = at_once(self._store, self._read, [stored for stored in documents if stored.path not in folded])
        if len(fresh) < least:
            return 0
        self._checkpoints.fold(fresh)
        return len(fresh)

    def _documents(self) -> list[Stored]:
        return [stored for stored in self._store.list(MANIFEST) if stored.path.endswith(".json")]

    def entries_of(self, commit: str) -> list[Entry]:
        """The entries that one commit brought; none if it was not made."""
        return [entry for made in self.commits() if made.commit == commit for entry in made.entries]

    def replaced(self) -> set[str]:
        """The paths that a commit replaced."""
        return {path for commit in self.commits() for path in commit.replaces}

    def live(self) -> list[Entry]:
        """The entries that exist for readers, sorted by path."""
        return sorted(live_entries(self.commits()), key=lambda entry: entry.path)

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


def encoded(commit: Commit) -> bytes:
    """A commit as the content of its document."""
    return msgspec.json.format(msgspec.json.encode(commit), indent=1)


def live_entries(commits: list[Commit]) -> list[Entry]:
    """The entries that no commit replaced."""
    gone = {path for commit in commits for path in commit.replaces}
    return [entry for commit in commits for entry in commit.entries if entry.path not in gone]
