"""Files that a commit replaced: those with dropped rows are deleted at once, the others when nobody reads them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ingestion.lake_manifest import Entry, Kind, Manifest
from ingestion.lake_store import Store

# Who read the paths before a compaction reads the replaced files to the end: the longest build has ended by then.
KEEP = timedelta(hours=24)


def delete_replaced(store: Store, manifest: Manifest, now: datetime | None = None, keep: timedelta = KEEP) -> list[str]:
    """Delete what holds rows that were dropped since, and, given `now` (UTC), what was replaced `keep` or longer ago.

    The caller holds the store's lock. Does again what a crash left undone, because erased rows must not stay on the
    disk. Returns the deleted paths.
    """
    deleted: list[str] = []
    versions = {(entry.kind, landing): version for entry in manifest.live() for landing, version in entry.parts.items()}
    commits = manifest.commits()
    entries = {entry.path: entry for commit in commits for entry in commit.entries}
    for commit in commits:
        for path in commit.replaces:
            due = commit.kept_since is None or _lost_rows(entries.get(path), versions)
            if not due and commit.kept_since is not None and now is not None:
                due = now - datetime.fromisoformat(commit.kept_since) >= keep
            if due and store.stat(path) is not None:
                store.delete(path)
                deleted.append(path)
    return deleted


def waiting(store: Store, manifest: Manifest) -> list[Entry]:
    """The replaced files that are still there."""
    gone = manifest.replaced()
    entries = [entry for commit in manifest.commits() for entry in commit.entries if entry.path in gone]
    return [entry for entry in entries if store.stat(entry.path) is not None]


def _lost_rows(entry: Entry | None, versions: Mapping[tuple[Kind, str], int]) -> bool:
    """Whether a landing of a replaced file stands at another version now (counters hold nothing that is erased)."""
    if entry is None or entry.kind == "counters":
        return False
    return any(versions.get((entry.kind, landing)) != version for landing, version in entry.parts.items())
