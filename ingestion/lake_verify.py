"""Whether the lake's files are what its manifest says they are."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ingestion.lake_manifest import KINDS, Entry, Manifest
from ingestion.lake_store import Store

Code = Literal["missing", "size", "sha256", "stray"]


@dataclass(frozen=True)
class Problem:
    """One file that is not as it should be."""

    path: str
    code: Code
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def verify_entries(store: Store, entries: Iterable[Entry], deep: bool) -> list[Problem]:
    """Problems of these entries' files: existence and size, and every byte if `deep`."""
    problems: list[Problem] = []
    for entry in entries:
        problem = _check(store, entry, deep)
        if problem is not None:
            problems.append(problem)
    return problems


def _check(store: Store, entry: Entry, deep: bool) -> Problem | None:
    stored = store.stat(entry.path)
    if stored is None:
        return Problem(entry.path, "missing", "the manifest names it, but it is not there; restore it from a copy")
    if stored.bytes != entry.bytes:
        text = f"it has {stored.bytes:,} bytes, the manifest says {entry.bytes:,}; restore it from a copy"
        return Problem(entry.path, "size", text)
    if deep and hashlib.sha256(store.read(entry.path)).hexdigest() != entry.sha256:
        return Problem(entry.path, "sha256", "its content is not what was written; restore it from a copy")
    return None


def strays(store: Store, manifest: Manifest) -> list[Problem]:
    """Files below the lake that no commit names: what a crash left, or what someone put there by hand."""
    with store.lock():
        # Under the lock no writer stands between its files and its commit.
        files = [file for kind in KINDS for file in store.list(kind)]
        commits = manifest.commits()
    known = {entry.path for commit in commits for entry in commit.entries}
    text = "no commit names it, so no reader sees it; landing its content again overwrites it, or delete it"
    return [Problem(file.path, "stray", text) for file in files if file.path not in known]
