"""Whether the lake's files are what its manifest says they are, and whether it knows all files that lie in it."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from ingestion.lake_intents import announced
from ingestion.lake_manifest import KINDS, Entry, Manifest
from ingestion.lake_parallel import at_once
from ingestion.lake_store import Store, Stored

Code = Literal["lake_file_missing", "lake_file_corrupt", "unmanaged_file"]


@dataclass(frozen=True)
class Problem:
    """One file that is not as it should be."""

    path: str
    code: Code
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.path}: {self.message}"


def verify_entries(store: Store, entries: Iterable[Entry], deep: bool) -> list[Problem]:
    """Problems of these entries' files: existence and size, and every byte if `deep`."""

    def check(entry: Entry) -> Problem | None:
        return _check(store, entry, store.stat(entry.path), deep)

    return [problem for problem in at_once(store, check, list(entries)) if problem is not None]


def verify_lake(
    store: Store,
    manifest: Manifest,
    hashed: Collection[str] | None = None,
    advance: Callable[[int], None] = lambda files: None,
) -> list[Problem]:
    """Problems of the whole lake: existence and size of every file, every byte of those in `hashed` (None: of all).

    A file that no commit names is one too, unless it was left by a writer that died: its rows may be missing from
    every number. `advance` hears how many files are done.
    """
    # The manifest first: what is replaced after that is missing only if it is deleted at once, for an erasure.
    entries = manifest.live()
    listed = {file.path: file for kind in KINDS for file in store.list(kind)}

    def check(entry: Entry) -> Problem | None:
        return _check(store, entry, listed.get(entry.path), hashed is None or entry.path in hashed)

    problems: list[Problem] = []
    for first in range(0, len(entries), 10 * store.parallel):
        some = entries[first : first + 10 * store.parallel]
        problems += [problem for problem in at_once(store, check, some) if problem is not None]
        advance(len(some))
    if problems:
        live = {entry.path for entry in manifest.live()}
        problems = [problem for problem in problems if problem.path in live]
    return problems + _unmanaged(store, manifest, listed)


def _check(store: Store, entry: Entry, stored: Stored | None, deep: bool) -> Problem | None:
    if stored is None:
        return Problem(entry.path, "lake_file_missing", f"a commit names it, but it is not there; {_RESTORE}")
    if stored.bytes != entry.bytes:
        text = f"it has {stored.bytes:,} bytes, {entry.bytes:,} were written"
        return Problem(entry.path, "lake_file_corrupt", f"{text}; {_RESTORE}")
    if deep:
        with store.open(entry.path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        if digest != entry.sha256:
            text = f"its content is not what was written (SHA-256 {digest[:8]}, expected {entry.sha256[:8]})"
            return Problem(entry.path, "lake_file_corrupt", f"{text}; {_RESTORE}")
    return None


def _unmanaged(store: Store, manifest: Manifest, listed: Iterable[str]) -> list[Problem]:
    suspects = set(listed) - named(manifest)
    if not suspects:
        return []
    with store.lock():
        # What was announced first: a writer that no lock holds back may make its commit between the two.
        suspects -= announced(store) | named(manifest)
        suspects = {path for path in suspects if store.stat(path) is not None}
    return [Problem(path, "unmanaged_file", _UNMANAGED) for path in sorted(suspects)]


def named(manifest: Manifest) -> set[str]:
    """Every path that a commit names, also of files that were replaced since."""
    return {entry.path for commit in manifest.commits() for entry in commit.entries}


_RESTORE = "restore it from a copy of the lake, then run `almanac lake verify`"
_UNMANAGED = (
    "no commit names it, so its rows are in no number; restore its document (manifest/ or checkpoints/) from a "
    "copy of the lake, "
    "or move the file out of the lake"
)
