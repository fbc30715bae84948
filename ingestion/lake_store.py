"""Where the lake's files lie: whole files put atomically, read, listed and deleted. Here the protocol and the folder.

`lake_store_s3.py` is the other place. `open_store` takes the one that the settings name.
"""

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
from almanac.settings import Settings


@dataclass(frozen=True)
class Stored:
    """A stored file: its path (posix, relative to the lake), its size in bytes, and what changes if it is replaced."""

    path: str
    bytes: int
    stamp: int | str


class Taken(AlmanacError):
    """A path that was to be made holds something else."""


class Store(Protocol):
    """What the lake needs of a place for files; paths are relative and posix."""

    parallel: int  # how many calls at once pay: 1 where a call is short, more where each one travels
    excludes: bool  # whether `lock` keeps all other writers away

    def put(self, path: str, data: memoryview | bytes, *, durable: bool = True) -> None:
        """Store a whole file, durably unless it says otherwise; readers see the former content or the new one."""

    def create(self, path: str, data: bytes) -> bool:
        """Store a whole file where none is, durably and against any other writer.

        Returns False if the same content is there already. Raises Taken if it is another one.
        """

    def put_file(self, path: str, file: Path) -> None:
        """Store a whole file that was written in `scratch`, durably and a part at a time; it may be moved."""

    def put_new(self, path: str, data: memoryview | Path) -> str:
        """Store a whole file that no commit names yet, `data` as in `put` or as in `put_file`, and return its path.

        That is another one only where a writer that no lock keeps away may have put other content under this name.
        """

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
        """Be the only writer while the context lasts, where that can be had (`excludes`).

        No commit may depend on it: an object store holds nobody back. What makes commits safe is `create`.
        """

    def locate(self, path: str) -> str:
        """What an engine is given to read the file: a path on this machine, or an address."""


def open_store(settings: Settings) -> Store:
    """The place that the settings name: a bucket, or a folder."""
    if settings.object_store is not None:
        from ingestion.lake_store_s3 import S3Store

        return S3Store(settings.object_store)
    return LocalStore(settings.lake)


def other_name(path: str, sha256: str) -> str:
    """Where content goes whose name is taken: a name that follows from it can be written by anyone, again and again."""
    stem, _, suffix = path.rpartition(".")
    return f"{stem}-{sha256[:16]}.{suffix}"


class LocalStore:
    """A folder. Temporary files lie beside it in `<folder>.tmp`: the same file system, under no reader's glob."""

    parallel = 1
    excludes = True

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
        """Sync, rename, sync the folder. Raises AlmanacError if the disk refuses."""
        try:
            sync_file(file)
            self._name(file, path, True)
        except OSError as error:
            raise self._refused(path, error) from error

    def put_new(self, path: str, data: memoryview | Path) -> str:
        """Store a file that no commit names yet, over what a dead writer left; the caller holds the lock."""
        if isinstance(data, Path):
            self.put_file(path, data)
        else:
            self.put(path, data)
        return path

    def _name(self, temporary: Path, path: str, durable: bool) -> None:
        target = self._absolute(path)
        _make_folder(target.parent)
        os.rename(temporary, target)
        if durable:
            sync_folder(target.parent)

    def _refused(self, path: str, error: OSError, doing: str = "write") -> AlmanacError:
        reason = error.strerror or str(error)
        return AlmanacError(f"cannot {doing} {self._absolute(path)}: {reason}; see to the disk, then do it again")

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

    def create(self, path: str, data: bytes) -> bool:
        """Store a file where none is; the caller holds the lock."""
        if self.stat(path) is None:
            self.put(path, data)
            return True
        if self.read(path) != data:
            raise Taken(f"{path} of the lake holds something else: leave it, and take another name")
        # Its writer may have died between the rename and the fsync that makes the name durable.
        self.settle(path)
        return False

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
            raise self._refused(path, error, "delete") from error

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
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue  # deleted meanwhile
                yield Stored(path, status.st_size, status.st_mtime_ns)
