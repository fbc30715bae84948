"""The files of the write-ahead log: making one, appending durably, mending after a crash, reading back."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from almanac.durable import sync_file, sync_folder
from almanac.errors import AlmanacError
from ingestion.collector import frames

PATTERN = "wal-*.log"
DAMAGED = "damaged"
_PIECE = 1024 * 1024  # bytes that are read at once
# Kept free, so that the lake and everything else on the disk can still be written when the log says "full".
RESERVED_BYTES = 256 * 1024 * 1024
RESERVED_SHARE = 0.1  # of a disk so small that the bytes above would be most of it

Sync = Callable[[int], None]
_log = logging.getLogger("almanac.collector")


class LogFile:
    """A log file that is being written, by one thread at a time. `durable` is its size as far as it is on the disk."""

    def __init__(self, path: Path, sync: Sync = os.fdatasync) -> None:
        self.path = path
        self._sync = sync
        self._id = os.urandom(frames.ID_SIZE)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._write(frames.header(self._id, time.time_ns() // 1000))
            sync(self._fd)
            sync_folder(path.parent)
        except OSError:
            os.close(self._fd)
            path.unlink(missing_ok=True)
            raise
        self.durable = frames.HEADER_SIZE

    @property
    def is_empty(self) -> bool:
        """Whether it holds no record."""
        return self.durable == frames.HEADER_SIZE

    def append(self, records: Sequence[bytes]) -> int:
        """Append records as one frame; when this returns they are on the disk, in so many bytes.

        Raises OSError; then call `trim`.
        """
        data = frames.frame(self._id, records)
        self._write(data)
        self._sync(self._fd)
        self.durable += len(data)
        return len(data)

    def trim(self) -> None:
        """Cut off what a failed append may have left: nobody was told that it is there. Raises OSError."""
        os.ftruncate(self._fd, self.durable)
        self._sync(self._fd)

    def close(self) -> None:
        """Close the file; an empty one is removed."""
        # All that it holds was synced, so there is nothing to learn from a failure.
        with suppress(OSError):
            os.close(self._fd)
            if self.is_empty:
                self.path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            # A disk that fills up takes a part first.
            left = left[os.write(self._fd, left) :]


@dataclass(frozen=True)
class Content:
    """What a sealed log file holds; `content_hash` identifies it for good."""

    records: list[bytes]
    content_hash: str


def load(path: Path) -> Content:
    """Read a log file that was closed in order, or mended. Raises AlmanacError if it is damaged."""
    records: list[bytes] = []
    with path.open("rb", buffering=0) as file:
        header = file.read(frames.HEADER_SIZE)
        reading = frames.Reading.begin(header)
        if not header:
            return Content(records, "")
        if reading is None:
            raise AlmanacError(f"{path} changed after it was closed: a bad header; see to the disk")
        good, left = frames.HEADER_SIZE, b""
        # In pieces: memory that is used again and again is still in the processor's cache, and needs no new pages.
        while piece := file.read(max(_PIECE, len(left))):
            data = left + piece
            found, end = reading.read_on(data)
            records += found
            good += end
            left = data[end:]
    if left:
        raise AlmanacError(f"{path} changed after it was closed: a bad frame at byte {good:,}; see to the disk")
    return Content(records, reading.content_hash)


def mend(folder: Path) -> list[Path]:
    """Make the log files that an earlier process left fit for reading; returns those with records, oldest first.

    A torn end, which nobody was told is safe, is cut off; a damaged file is set aside, whole, and named in the log.
    """
    left = []
    for path in sorted(folder.glob(PATTERN)):
        found = frames.scan(path.read_bytes())
        if found.damaged_at is not None:
            _set_aside(path, found)
        elif not found.records:
            path.unlink()
        else:
            if found.torn:
                _log.warning("%s: cut off %s bytes of a write that a crash interrupted", path.name, f"{found.torn:,}")
                os.truncate(path, found.good)
            # What the page cache holds is not necessarily on the disk yet, and its landing relies on these very bytes.
            sync_file(path)
            left.append(path)
    sync_folder(folder)
    return left


def _set_aside(path: Path, found: frames.Scan) -> None:
    aside = path.parent / DAMAGED
    aside.mkdir(mode=0o700, exist_ok=True)
    os.rename(path, aside / path.name)
    sync_folder(aside)
    _log.error(
        "%s is damaged: a bad frame at byte %s of %s, with whole ones behind it; it was set aside as %s and not landed",
        path.name,
        f"{found.damaged_at:,}",
        f"{found.size:,}",
        aside / path.name,
    )


def damaged_files(folder: Path) -> int:
    """How many log files were set aside."""
    return len(list((folder / DAMAGED).glob(PATTERN)))


def has_room(folder: Path) -> bool:
    """Whether the disk has more than the reserve left."""
    try:
        disk = shutil.disk_usage(folder)
    except OSError:
        return False
    return disk.free > min(RESERVED_BYTES, disk.total * RESERVED_SHARE)
