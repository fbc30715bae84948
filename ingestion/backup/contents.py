"""What a backup holds: the places of its files, and the document that names them."""

from pathlib import Path

import msgspec

from almanac.errors import AlmanacError
from almanac.object_store import SCHEME
from almanac.settings import Settings
from ingestion.lake_store import LocalStore, Store

DOCUMENT = "BACKUP.json"
LAKE, STATE, LOG = "lake/", "state/", "log/"
FORMAT = 1
_FOLDER = "almanac"  # below the folder that a person names, so that temporary files lie on the same disk as the rest


class Held(msgspec.Struct, frozen=True):
    """One file of a backup: its path in it, its size, and what it must hold."""

    path: str
    bytes: int
    sha256: str


class Contents(msgspec.Struct, frozen=True):
    """What a whole backup holds, and when (UTC, ISO 8601) it was begun: what was acknowledged by then is in it."""

    made_at: str
    files: list[Held]
    events: int
    format: int = FORMAT

    def below(self, folder: str) -> list[Held]:
        """The files of one part."""
        return [file for file in self.files if file.path.startswith(folder)]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


def place(settings: Settings, address: str) -> Store:
    """Where a backup lies: a folder, or `s3://bucket/prefix`, reached as the lake's bucket is."""
    if address.startswith(SCHEME):
        from ingestion.lake_store_s3 import S3Store

        return S3Store(settings.bucket(address))
    return LocalStore(Path(address).resolve() / _FOLDER)


def make_private(address: str) -> None:
    """Make a backup's folder, for this user alone: it holds the hashes of the write keys. A bucket has its own rules.

    Raises AlmanacError if it cannot be made.
    """
    if address.startswith(SCHEME):
        return
    try:
        Path(address).resolve().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AlmanacError(f"{address} cannot be made: {error.strerror or error}; give another folder") from error


def read_contents(store: Store) -> Contents | None:
    """What the backup says of itself, or None if there is none. Raises AlmanacError if that cannot be read."""
    try:
        contents = msgspec.json.decode(store.read(DOCUMENT), type=Contents)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise AlmanacError(f"{store.locate(DOCUMENT)} is damaged ({error}): use another backup") from error
    if contents.format != FORMAT:
        raise AlmanacError(f"{store.locate(DOCUMENT)} was written by a newer Almanac: update this one")
    return contents
