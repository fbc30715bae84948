"""What a writer is about to write, so that the files of one that died are told from files that nobody knows.

Without this a file that no commit names could be either: left by a crash (harmless, no reader sees it) or all that is
left of a landing whose commit document was lost (rows are missing from every number).

Where the store's lock keeps other writers away, what stands here under the lock is of dead ones. In an object store it
may be of one at work: there it counts as dead after a day, and no writer commits what it announced hours ago.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from almanac.errors import AlmanacError
from ingestion.lake_store import Store, other_name

FOLDER = "intents"
LONGEST = timedelta(hours=2)  # from announcement to commit; a store refuses requests that were signed long ago
DEAD = timedelta(hours=24)


class Intent(msgspec.Struct, frozen=True):
    """The paths that a commit will name, and when (UTC) that was announced."""

    paths: list[str]
    since: datetime


def announce(store: Store, commit: str, files: Sequence[tuple[str, str]]) -> datetime:
    """Before the first file (path, SHA-256) is written; returns when. A power cut may lose it: then the file's reader
    asks a person.
    """
    paths = [path for path, _ in files]
    if not store.excludes:
        paths += [other_name(path, sha256) for path, sha256 in files]
    now = datetime.now(UTC)
    store.put(_path(commit), msgspec.json.encode(Intent(paths, now)), durable=False)
    return now


def refuse_if_late(store: Store, since: datetime) -> None:
    """Raise AlmanacError if what was announced then may have been taken for a dead writer's."""
    if not store.excludes and datetime.now(UTC) - since > LONGEST:
        raise AlmanacError(f"writing took more than {LONGEST.seconds // 3600} hours and is given up: do it again")


def conclude(store: Store, commit: str) -> None:
    """After the commit was made."""
    store.delete(_path(commit), durable=False)


def announced(store: Store) -> set[str]:
    """The paths that writers announced and did not conclude."""
    return {path for intent in _standing(store).values() for path in intent.paths}


def clean_up(store: Store, known: set[str]) -> list[str]:
    """Delete what dead writers left; what a commit names (`known`) stays. The caller holds the store's lock."""
    deleted: list[str] = []
    for document, intent in _standing(store).items():
        if not store.excludes and datetime.now(UTC) - intent.since < DEAD:
            continue
        for path in intent.paths:
            if path not in known and store.stat(path) is not None:
                store.delete(path)
                deleted.append(path)
        store.delete(document, durable=False)
    return deleted


def _standing(store: Store) -> dict[str, Intent]:
    found: dict[str, Intent] = {}
    for stored in store.list(FOLDER):
        try:
            found[stored.path] = msgspec.json.decode(store.read(stored.path), type=Intent)
        except FileNotFoundError:
            continue  # concluded meanwhile
        except msgspec.DecodeError:
            found[stored.path] = Intent([], datetime.fromtimestamp(0, UTC))  # cut off by a power cut
    return found


def _path(commit: str) -> str:
    return f"{FOLDER}/{commit}.json"
