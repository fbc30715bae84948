"""Files of a backup, a piece at a time: however large one is, no more than a piece of it is in memory."""

import hashlib
from contextlib import closing
from typing import BinaryIO

from ingestion.backup.contents import Held
from ingestion.lake_store import Store

PIECE = 2**20  # bytes


def is_whole(store: Store, path: str, file: Held) -> bool:
    """Whether the content of `file` lies in the store at `path`."""
    stored = store.stat(path)
    if stored is None or stored.bytes != file.bytes:
        return False
    with store.open(path) as content:
        return digest(content) == file.sha256


def copy(source: Store, path: str, target: Store, name: str, file: Held) -> bool:
    """Copy `path` of a store to `name` of another one, if its content is that of `file`; whether it was.

    Nothing is stored otherwise. Raises FileNotFoundError if it is not there.
    """
    with source.open(path) as content, target.scratch() as scratch:
        with scratch.open("wb") as sink:
            if digest(content, sink) != file.sha256:
                return False
        target.put_file(name, scratch)
    return True


def digest(content: BinaryIO, sink: BinaryIO | None = None) -> str:
    """SHA-256 of what can still be read, in hexadecimal; it is also written to `sink` if there is one."""
    found = hashlib.sha256()
    while piece := content.read(PIECE):
        found.update(piece)
        if sink is not None:
            sink.write(piece)
    return found.hexdigest()


def put_as_it_is_now(content: BinaryIO, target: Store, folder: str, name: str) -> Held:
    """Store a file that may still grow as `<folder><digest>/<name>`: what is in it now has a path of its own."""
    with closing(content), target.scratch() as scratch:
        with scratch.open("wb") as sink:
            sha256 = digest(content, sink)
        file = Held(f"{folder}{sha256[:16]}/{name}", scratch.stat().st_size, sha256)
        target.put_file(file.path, scratch)
    return file
