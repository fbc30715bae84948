"""Writing small files so that a reader sees the old or the new content, never a part, even after a crash."""

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`: temporary file, fsync, rename, fsync of the folder.

    The caller holds the lock of the folder, so one name for the temporary file is enough.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of `path` durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Make renames and removals in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
