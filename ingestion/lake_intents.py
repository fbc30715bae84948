"""What a writer is about to write, so that the files of one that died are told from files that nobody knows.

Without this a file that no commit names could be either: left by a crash (harmless, no reader sees it) or all that is
left of a landing whose commit document was lost (rows are missing from every number).
"""

from collections.abc import Sequence

import msgspec

from ingestion.lake_store import Store

FOLDER = "intents"


def announce(store: Store, commit: str, paths: Sequence[str]) -> None:
    """Before the first file is written. A power cut may lose it: then the file's reader asks a person."""
    store.put(_path(commit), msgspec.json.encode(list(paths)), durable=False)


def conclude(store: Store, commit: str) -> None:
    """After the commit was made."""
    store.delete(_path(commit), durable=False)


def announced(store: Store) -> set[str]:
    """The paths that writers announced and did not conclude. The caller holds the store's lock: they are dead."""
    return {path for paths in _standing(store).values() for path in paths}


def clean_up(store: Store, known: set[str]) -> list[str]:
    """Delete what dead writers left; what a commit names (`known`) stays. The caller holds the store's lock."""
    deleted: list[str] = []
    for document, paths in _standing(store).items():
        for path in paths:
            if path not in known and store.stat(path) is not None:
                store.delete(path)
                deleted.append(path)
        store.delete(document, durable=False)
    return deleted


def _standing(store: Store) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for stored in store.list(FOLDER):
        try:
            found[stored.path] = msgspec.json.decode(store.read(stored.path), type=list[str])
        except (msgspec.DecodeError, FileNotFoundError):
            found[stored.path] = []  # cut off by a power cut: it announces nothing
    return found


def _path(commit: str) -> str:
    return f"{FOLDER}/{commit}.json"
