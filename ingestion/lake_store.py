"""Where the lake's files lie: whole files put atomically, read, listed and deleted; a local folder for now."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import uuid4

from almanac.durable import sync_file, sync_folder
from almanac.errors import AlmanacError


@dataclass(frozen=True)
class Stored:
    """A stored file: its path (posix, relative to the lake), its size in bytes, and what changes if it is replaced."""

    path: str
    bytes: int
    stamp: int


class Store(Protocol):
    """What the lake needs of a place for files; paths are relative and posix. An object store can do all of it."""

    def put(self, path: str, data: memoryview | bytes, *, durable: bool = True) -> None:
        """Store a whole file, durably unless it says otherwise; readers see the former content or the new one."""

    def put_file(self, path: str, file: Path) -> None:
        """Like `put`, for what was written in `scratch`; the file may be moved rather than copied."""

    def scratch(self) -> AbstractContextManager[Path]:
        """A new empty file on this machine, for what is too large for memory; gone when the context ends."""

    def read(self, path: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""

    def open(self, path: str) -> BinaryIO:
        """A file to read and seek in. Raises FileNotFoundError."""

    def stat(self, path: str) -> Stored | None:
        """What is stored at `path`, or None."""

    def settle(self, path: str) -> None:
        """Make sure that a file which is seen now is also there after a power cut."""

    def list(self, folder: str) -> list[Stored]:
        """All files below `folder`, sorted by path."""

    def delete(self, path: str, *, durable: bool = True) -> None:
        """Remove a file, durably unless it says otherwise; nothing happens if it is gone."""

    def lock(self) -> AbstractContextManager[None]:
        """Be the only writer while the context lasts."""

    def locate(self, path: str) -> str:
        """What an engine is given to read the file: a path on this machine, or an address."""


class LocalStore:
    """A folder. Temporary files lie beside it in `<folder>.tmp`: the same file system, under no reader's glob."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder.with_name(folder.name + ".tmp")

    def locate(self, path: str) -> str:
        """The file's place on this machine. Raises AlmanacError if `path` leads out of the lake."""
        return str(self._absolute(path))

    def put(self, path: str, data: memoryview | bytes, *, durable: bool = True) -> None:
        """Write aside, fsync, rename, fsync the folder: nothing is ever half there.

        Raises AlmanacError if the disk refuses.
        """
        temporary = self.temporary / f"{uuid4().hex}.part"
        try:
            _make_folder(self.temporary)
            try:
                _write_new(temporary, data, durable)
                self._name(temporary, path, durable)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._refused(path, error) from error

    def put_file(self, path: str, file: Path) -> None:
        """Fsync, rename, fsync the folder. Raises AlmanacError if the disk refuses."""
        try:
            sync_file(file)
            self._name(file, path, True)
        except OSError as error:
            raise self._refused(path, error) from error

    def _name(self, temporary: Path, path: str, durable: bool) -> None:
        target = self._absolute(path)
        _make_folder(target.parent)
        os.rename(temporary, target)
        if durable:
            sync_folder(target.parent)

    def _refused(self, path: str, error: OSError) -> AlmanacError:
        reason = error.strerror or str(error)
        return AlmanacError(f"cannot write {self._absolute(path)}: {reason}; see to the disk, then do it again")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new file in the temporary folder. Its lock tells that its writer lives; `lock` removes the others."""
        _make_folder(self.temporary)
        path = self.temporary / f"{uuid4().hex}.scratch"
        handle = _new_locked(path)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            os.close(handle)

    def read(self, path: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        return self._absolute(path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        """A file to read and seek in. Raises FileNotFoundError."""
        return self._absolute(path).open("rb")

    def stat(self, path: str) -> Stored | None:
        """What is stored at `path`, or None."""
        try:
            status = self._absolute(path).stat()
        except FileNotFoundError:
            return None
        return Stored(path, status.st_size, status.st_mtime_ns)

    def settle(self, path: str) -> None:
        """Make sure that a file which is seen now is also there after a power cut."""
        sync_folder(self._absolute(path).parent)

    def list(self, folder: str) -> list[Stored]:
        """All files below `folder`, sorted by path."""
        return sorted(_files(self._absolute(folder), folder), key=lambda file: file.path)

    def delete(self, path: str, *, durable: bool = True) -> None:
        """Remove a file; nothing happens if it is gone. Raises AlmanacError if the disk refuses."""
        target = self._absolute(path)
        try:
            target.unlink(missing_ok=True)
            if durable and target.parent.is_dir():
                sync_folder(target.parent)
        except OSError as error:
            raise AlmanacError(
                f"cannot delete {target}: {error.strerror}; see to the disk, then do it again"
            ) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer while the context lasts; a process that dies lets go."""
        _make_folder(self.temporary)
        handle = os.open(self.temporary / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Only a writer that holds the lock makes temporary files, so any that stand here are a dead one's.
            for left in self.temporary.glob("*.part"):
                left.unlink(missing_ok=True)
            for left in self.temporary.glob("*.scratch"):
                _unlink_if_abandoned(left)
            yield
        finally:
            os.close(handle)

    def _absolute(self, path: str) -> Path:
        if path.startswith("/") or ".." in path.split("/"):
            raise AlmanacError(f"{path!r} leads out of the lake: name a file below {self.folder}")
        return self.folder / path


def _write_new(path: Path, data: memoryview | bytes, durable: bool) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        left = memoryview(data).cast("B")
        while left:
            # A full disk first shows as a short write.
            left = left[os.write(handle, left) :]
        if durable:
            os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durable in its parent."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _new_locked(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # between open and lock it was taken for an abandoned one


def _unlink_if_abandoned(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        pass  # its writer lives
    finally:
        os.close(handle)


def _files(folder: Path, name: str) -> Iterator[Stored]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            path = f"{name}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), path)
            else:
                status = entry.stat()
                yield Stored(path, status.st_size, status.st_mtime_ns)
