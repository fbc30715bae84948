"""Places into which files are delivered: a folder or a bucket's prefix, taken once or watched."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from almanac.errors import AlmanacError
from almanac.object_store import SCHEME
from almanac.settings import Settings
from ingestion.sources.file_source import FileResult, FileSource
from ingestion.sources.mapping import Format
from ingestion.sources.problems import FileProblem
from ingestion.sources.readers import files_in, is_of


@dataclass(frozen=True)
class Delivery:
    """A file as it lies there now; another size or stamp is another content."""

    name: str
    size: int
    stamp: object


class Inbox(Protocol):
    """A place for delivered files. `grows` says whether a file can be seen before it is whole."""

    grows: bool

    def deliveries(self, file_format: Format) -> list[Delivery]:
        """The files of a format that lie there now, in order of their names."""

    def taken(self, delivery: Delivery) -> AbstractContextManager[Path]:
        """The file on this machine, for as long as the context lasts."""


class FolderInbox:
    """A folder and those below it."""

    grows = True

    def __init__(self, folder: Path) -> None:
        """Raises AlmanacError if there is no such folder."""
        if not folder.is_dir():
            raise AlmanacError(f"{folder} is no folder: name one that exists")
        self._folder = folder

    def deliveries(self, file_format: Format) -> list[Delivery]:
        """The files of a format that lie there now, in order of their names."""
        found = []
        for path in files_in(self._folder, file_format):
            try:
                status = path.stat()
            except FileNotFoundError:  # taken away meanwhile
                continue
            found.append(Delivery(str(path), status.st_size, status.st_mtime_ns))
        return found

    @contextmanager
    def taken(self, delivery: Delivery) -> Iterator[Path]:
        """The file itself."""
        yield Path(delivery.name)


class BucketInbox:
    """The objects below a prefix; an object is there whole or not at all."""

    grows = False

    def __init__(self, settings: Settings, address: str) -> None:
        """`address` is s3://bucket/prefix. Raises AlmanacError if it cannot be right."""
        from ingestion.lake_store_s3 import S3Store  # its client library is large, and most inboxes are folders

        place = settings.bucket(address)
        if not place.prefix:
            raise AlmanacError(
                f"{address} names a whole bucket: name a prefix in it, such as {address.rstrip('/')}/inbox"
            )
        self._bucket, self._prefix = f"{SCHEME}{place.bucket}", place.prefix
        self._store = S3Store(replace(place, prefix=""))

    def deliveries(self, file_format: Format) -> list[Delivery]:
        """The objects of a format that lie there now, in order of their names."""
        stored = [file for file in self._store.list(self._prefix) if is_of(file.path, file_format)]
        return [Delivery(f"{self._bucket}/{file.path}", file.bytes, file.stamp) for file in stored]

    @contextmanager
    def taken(self, delivery: Delivery) -> Iterator[Path]:
        """A copy on this machine, of the same name."""
        with TemporaryDirectory(prefix="almanac-") as folder:
            copy = Path(folder) / delivery.name.rsplit("/", 1)[-1]
            with self._store.open(delivery.name.removeprefix(f"{self._bucket}/")) as stream, copy.open("wb") as out:
                while chunk := stream.read(1 << 20):
                    out.write(chunk)
            yield copy


def open_inbox(settings: Settings, place: str) -> Inbox:
    """The folder or bucket prefix that `place` names. Raises AlmanacError if there is none."""
    return BucketInbox(settings, place) if place.startswith(SCHEME) else FolderInbox(Path(place))


class Watch:
    """Takes what is delivered, each content once; a malformed file is said once and does not hold up the others."""

    def __init__(self, source: FileSource, inbox: Inbox, landed: Callable[[str, FileResult], None]) -> None:
        """`landed` is told each file that was taken and what became of it."""
        self._source, self._inbox, self._landed = source, inbox, landed
        self._done: dict[str, Delivery] = {}
        self._seen: dict[str, Delivery] = {}

    def take(self, *, settled: bool = False) -> list[str]:
        """Take what is there, and return what is wrong with files that could not be taken, in words.

        A file that can grow is taken once two looks find it the same, or at once if it is known to be `settled`.
        """
        problems = []
        for delivery in self._inbox.deliveries(self._source.format):
            if self._done.get(delivery.name) == delivery:
                continue
            if self._inbox.grows and not settled and self._seen.get(delivery.name) != delivery:
                self._seen[delivery.name] = delivery
                continue
            try:
                with self._inbox.taken(delivery) as path:
                    try:
                        self._landed(delivery.name, self._source.ingest_file(path))
                    except FileProblem as problem:
                        problems.append(str(problem).replace(str(path), delivery.name))
            except FileNotFoundError:
                continue  # taken away meanwhile
            self._done[delivery.name] = delivery
        return problems

    def run(self, stop: threading.Event, seconds: float, say: Callable[[str], None]) -> None:
        """Look every so many seconds until `stop` is set; the file at hand is finished then."""
        while not stop.is_set():
            for problem in self.take():
                say(problem)
            stop.wait(seconds)
