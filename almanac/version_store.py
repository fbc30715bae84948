"""The folder of published versions: which are kept, and removing those that nobody needs."""

import fcntl
import os

import duckdb

from almanac import durable
from almanac.publication_file import read_publication
from almanac.settings import Settings
from almanac.versions import Version, current

KEEP = 3


def kept_versions(settings: Settings) -> list[Version]:
    """Every published version on disk, oldest first."""
    files = sorted(settings.versions.glob("*.duckdb"), key=lambda f: (f.stat().st_mtime_ns, f.name))
    return [Version(f.stem, f) for f in files]


def prune(settings: Settings) -> list[Version]:
    """Remove versions but the last three, the current one and any that a reader holds; leftovers of a crash too.

    Of the last three those go as well that were built before rows left the lake, if the current one was built without
    them, so that nobody who was erased comes back by going back.
    """
    for leftover in (*settings.versions.glob("*.tmp"), *settings.versions.glob("*.wal")):
        leftover.unlink(missing_ok=True)
    now = current(settings)
    kept = kept_versions(settings)
    others = [v for v in kept if now is None or v.id != now.id]
    old = [v for v in others if v in kept[:-KEEP] or (now is not None and _has_who_was_erased(v, now))]
    removed = [v for v in old if _unlink_unheld(v)]
    if removed:
        durable.sync_folder(settings.versions)
    return removed


def _has_who_was_erased(version: Version, now: Version) -> bool:
    """Whether rows have left the lake, and so the version of `now`, since a version was built."""
    try:
        before = read_publication(version).get("corrections")
    except duckdb.Error:
        return False  # nobody can be shown what cannot be read; it goes when it is old
    return before != read_publication(now).get("corrections")


def _unlink_unheld(version: Version) -> bool:
    fd = os.open(version.path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        # Unlinked while locked: a reader that opened it meanwhile sees that its link is gone and asks again.
        version.path.unlink()
        return True
    finally:
        os.close(fd)
