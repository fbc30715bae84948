"""Reading published versions: which one is current, holding it while it is read, and how the last attempt ended.

A version is an immutable DuckDB file `versions/<id>.duckdb`. `CURRENT` names the one to read, `STATUS.json` tells
how the last attempt to publish ended. Writing all of these is `almanac.publish`'s alone.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from almanac.settings import Settings


@dataclass(frozen=True)
class Version:
    """A published version: its id and its file."""

    id: str
    path: Path


@dataclass(frozen=True)
class Status:
    """How the last attempt to publish ended (times are UTC)."""

    attempted_at: datetime | None = None
    succeeded: bool = True
    reason: str = ""
    failed_checks: tuple[str, ...] = field(default_factory=tuple)
    published_at: datetime | None = None


def current(settings: Settings) -> Version | None:
    """The version that readers should open, or None if nothing was published yet."""
    try:
        name = (settings.versions / "CURRENT").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    path = settings.versions / f"{name}.duckdb"
    return Version(name, path) if path.exists() else None


@contextmanager
def hold(version: Version) -> Iterator[Version]:
    """Keep a version from being removed while it is read; it is released when the context ends or the process dies.

    Raises FileNotFoundError if the version was removed before it could be held: ask `current` again.
    """
    # A shared lock on the file itself: it dies with the process, so a crashed reader holds nothing for ever.
    fd = os.open(version.path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        # The publisher may have unlinked the file between open and lock.
        if os.fstat(fd).st_nlink == 0:
            raise FileNotFoundError(version.path)
        yield version
    finally:
        os.close(fd)


def read_status(settings: Settings) -> Status:
    """How the last attempt to publish ended; an empty success if there was none."""
    try:
        raw = json.loads((settings.versions / "STATUS.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Status()
    return Status(
        attempted_at=_time(raw.get("attempted_at")),
        succeeded=bool(raw.get("succeeded")),
        reason=str(raw.get("reason") or ""),
        failed_checks=tuple(raw.get("failed_checks") or ()),
        published_at=_time(raw.get("published_at")),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
