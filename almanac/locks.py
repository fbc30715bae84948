"""One writer at a time: a lock on a file that says who holds it and dies with its process."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from almanac.errors import AlmanacError


@contextmanager
def exclusive(path: Path, what: str, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock at `path` while `what` is done; wait up to `wait_seconds` for another holder.

    Raises AlmanacError that names the holder, its process and since when, if the lock is not free in time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise AlmanacError(f"{what} has to wait: {holder(path)}; try again when it has ended") from None
                time.sleep(0.1)
        os.ftruncate(fd, 0)
        note = {"what": what, "pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        os.pwrite(fd, json.dumps(note).encode(), 0)
        yield
    finally:
        os.close(fd)


def holder(path: Path) -> str:
    """Who holds the lock at `path`, in words."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "another process holds it"
    return f"{note['what']} runs in process {note['pid']} since {note['since']}"


def any_held(folder: Path) -> bool:
    """Whether somebody holds one of the locks in a folder now."""
    return any(is_held(lock) for lock in folder.glob("*.lock"))


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock at `path` now."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
