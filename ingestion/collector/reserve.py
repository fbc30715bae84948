"""A file that only takes up space: given up when the disk is full, so that what was accepted can still be landed."""

import logging
import os
import shutil
from pathlib import Path

from almanac.durable import sync_folder

FILE = "reserve"
BYTES = 64 * 1024 * 1024
SHARE = 0.05  # of a disk so small that the bytes above would be much of it

_log = logging.getLogger("almanac.collector")


class Reserve:
    """The reserve of one log folder; belongs to the thread that writes the log."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def take(self) -> bool:
        """Have the reserve; False if there is no room for it."""
        try:
            size = int(min(BYTES, shutil.disk_usage(self._path.parent).total * SHARE))
            if self._path.exists() and self._path.stat().st_size == size:
                return True
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, size)
            finally:
                os.close(fd)
        except OSError:
            self.give_up()
            return False
        return True

    def give_up(self) -> None:
        """Free its room."""
        try:
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)
        except OSError as error:
            _log.error("%s cannot be deleted: %s", self._path, error.strerror or error)
