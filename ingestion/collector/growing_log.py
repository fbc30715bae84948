"""Reading a log file while a collector, in this or another process, is writing it."""

import os
from pathlib import Path
from uuid import UUID

from ingestion.collector import frames


class GrowingLog:
    """A log file that is read on and on. It stays readable when the collector, having landed it, deletes it."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, FileNotFoundError if it is landed already."""
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._reading: frames.Reading | None = None
        self._at = 0

    @property
    def id(self) -> UUID | None:
        """What the file was given when it was begun; None while it has no whole header."""
        return UUID(bytes=self._reading.id) if self._reading else None

    @property
    def content_hash(self) -> str:
        """The hash of what was read; once the file is sealed and read to its end, that of its landings."""
        return self._reading.content_hash if self._reading else ""

    def read_on(self) -> tuple[list[bytes], bool]:
        """The records that were added since the last time, up to the last whole frame; and whether to begin anew.

        The latter is true if what was read before was taken back: a write that failed, of which nobody was told.
        """
        is_anew = os.fstat(self._fd).st_size < self._at
        if is_anew:
            self._reading, self._at = None, 0
        data = os.pread(self._fd, os.fstat(self._fd).st_size - self._at, self._at)
        if self._reading is None:
            self._reading = frames.Reading.begin(data)
            if self._reading is None:
                return [], is_anew
            self._at = frames.HEADER_SIZE
            data = data[frames.HEADER_SIZE :]
        records, good = self._reading.read_on(data)
        self._at += good
        return records, is_anew

    def is_gone(self) -> bool:
        """Whether the collector has deleted the file, or set it aside."""
        try:
            return os.stat(self.path).st_ino != os.fstat(self._fd).st_ino
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
