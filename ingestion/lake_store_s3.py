"""The lake's files in a bucket of an S3-compatible store, for any number of writers that share no lock.

A file is put by one request, so it is there whole or not at all. What must not be overwritten (commits, new data
files) is put on the condition that nothing is there: the store itself decides between two writers. Requests are
repeated with growing, random pauses; what stays undone is an error of one line, and the same can be done again.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import uuid4

import obstore
from obstore import exceptions
from obstore.store import S3Store as Client

from almanac.errors import AlmanacError
from almanac.object_store import ObjectStore
from ingestion.lake_store import Stored, Taken, other_name

if TYPE_CHECKING:
    from obstore.store import S3Config

CONNECT_SECONDS = 5
PART_BYTES = 8 * 2**20  # of a large file that is sent in parts; a store takes at most 10,000, and none below 5 MiB
# Which of two identical requests made a file: the first one's answer may be lost, and its repetition then be refused.
_WRITER = "almanac-writer"

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_HOW = re.compile(r'message: "([^"]+)"')
# What the client's error holds -> what to do, the more telling first.
_REASONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthorizationHeaderMalformed", "InvalidToken", "ExpiredToken"),
        "the store does not accept the key: check ALMANAC_LAKE_KEY_ID, ALMANAC_LAKE_SECRET and ALMANAC_LAKE_REGION",
    ),
    (("RequestTimeTooSkewed",), "the clocks of this machine and of the store differ: set this machine's clock"),
    (("NoSuchBucket",), "the bucket does not exist: create it, or correct ALMANAC_LAKE"),
    (
        ("status code: 403", "status code: 401"),
        "the key may not do that: allow it to get, put, list and delete objects below ALMANAC_LAKE",
    ),
    (("NotImplemented", "status code: 501"), "the store does not know a condition on a put, which commits need"),
    (("SlowDown", "status code: 503"), "the store is overloaded; wait"),
    (
        ("kind: Timeout", "TimedOut", "operation timed out"),
        "no answer in time (ALMANAC_LAKE_TIMEOUT): check the store",
    ),
)


class S3Store:
    """A bucket, with a prefix or without."""

    parallel = 16
    excludes = False

    def __init__(self, place: ObjectStore) -> None:
        self.place = place
        self._client = _client(place)

    def locate(self, path: str) -> str:
        """The file's address, `s3://bucket/prefix/path`. Raises AlmanacError if `path` leads out of the lake."""
        return f"{self.place.address}/{_inside(path)}"

    def put(self, path: str, data: memoryview | bytes, *, durable: bool = True) -> None:
        """Store a file by one request, over what is there; what the store has answered for lasts."""
        with self._explained("write", path):
            obstore.put(self._client, _inside(path), data, use_multipart=False)

    def put_file(self, path: str, file: Path) -> None:
        """Store a file over what is there; a large one in parts, which the store makes one file when all are there."""
        if file.stat().st_size <= PART_BYTES:
            self.put(path, file.read_bytes())
            return
        with self._explained("write", path):
            obstore.put(self._client, _inside(path), file, use_multipart=True, chunk_size=PART_BYTES, max_concurrency=2)

    def create(self, path: str, data: memoryview | bytes) -> bool:
        """Store a file if the store finds none there; see `Store.create`."""
        writer = uuid4().hex
        with self._explained("write", path):
            try:
                obstore.put(
                    self._client,
                    _inside(path),
                    data,
                    mode="create",
                    use_multipart=False,
                    attributes={_WRITER: writer},
                )
            except exceptions.AlreadyExistsError:
                standing = obstore.get(self._client, path)
                if standing.attributes.get(_WRITER) == writer:
                    return True
                if bytes(standing.bytes()) == bytes(data):
                    return False
            else:
                return True
        raise Taken(f"{self.locate(path)} holds something else: leave it, and take another name")

    def put_new(self, path: str, data: memoryview | Path) -> str:
        """Store a file that no commit names yet; other content under its name may be that of a writer at work."""
        content = data.read_bytes() if isinstance(data, Path) else data
        try:
            self.create(path, content)
        except Taken:
            path = other_name(path, hashlib.sha256(content).hexdigest())
            self.put(path, content)
        return path

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new empty file in the system's folder for temporary files; gone when the context ends."""
        with NamedTemporaryFile(prefix="almanac-", suffix=".scratch") as file:
            yield Path(file.name)

    def read(self, path: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        with self._explained("read", path):
            return bytes(obstore.get(self._client, _inside(path)).bytes())

    def open(self, path: str) -> BinaryIO:
        """A copy on this machine to read and seek in, got by one request. Raises FileNotFoundError."""
        with ExitStack() as undo, self._explained("read", path):
            copy = undo.enter_context(TemporaryFile(prefix="almanac-"))
            for chunk in obstore.get(self._client, _inside(path)).stream():
                copy.write(chunk)
            copy.seek(0)
            undo.pop_all()
        return cast(BinaryIO, copy)

    def stat(self, path: str) -> Stored | None:
        """What is stored at `path`, or None."""
        with self._explained("read", path):
            try:
                return _stored(obstore.head(self._client, _inside(path)))
            except FileNotFoundError:
                return None

    def changed_at(self, path: str) -> datetime:
        """When a file was stored, by the store's clock (UTC). Raises FileNotFoundError."""
        with self._explained("read", path):
            return obstore.head(self._client, _inside(path))["last_modified"]

    def settle(self, path: str) -> None:
        """Nothing: what a store has answered for lasts."""

    def list(self, folder: str) -> list[Stored]:
        """All files below `folder`, sorted by path."""
        with self._explained("list", folder):
            found = [_stored(meta) for page in obstore.list(self._client, _inside(folder)) for meta in page]
        return sorted(found, key=lambda file: file.path)

    def delete(self, path: str, *, durable: bool = True) -> None:
        """Remove a file; nothing happens if it is gone."""
        with self._explained("delete", path):
            try:
                obstore.delete(self._client, _inside(path))
            except FileNotFoundError:
                return

    def lock(self) -> AbstractContextManager[None]:
        """Nobody is held back: commits are decided by the store (`create`), a pause of a writer endangers nothing."""
        return nullcontext()

    @contextmanager
    def _explained(self, doing: str, path: str) -> Iterator[None]:
        """Turn the client's errors, which fill screens, into one line that says what to do."""
        try:
            yield
        except (exceptions.BaseError, FileNotFoundError) as error:
            if doing == "read" and isinstance(error, FileNotFoundError):
                raise FileNotFoundError(f"{self.locate(path)} is not there") from None
            raise AlmanacError(
                f"cannot {doing} {self.locate(path)} at {self.place.server}: {reason(error)}; then do it again"
            ) from error


def _client(place: ObjectStore) -> Client:
    keys: S3Config = {"access_key_id": place.key_id, "secret_access_key": place.secret}
    if place.session_token:
        keys["session_token"] = place.session_token
    seconds = timedelta(seconds=place.timeout_seconds)
    return Client(
        place.bucket,
        prefix=place.prefix or None,
        config=keys,
        region=place.region,
        endpoint=place.endpoint,
        virtual_hosted_style_request=not place.path_style,
        client_options={
            "allow_http": bool(place.endpoint and place.endpoint.startswith("http://")),
            "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, place.timeout_seconds)),
            "read_timeout": seconds / 2,
            "timeout": seconds,
        },
        retry_config={
            "max_retries": 8,
            "retry_timeout": seconds,
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=5),
                "base": 2,
            },
        },
    )


def _stored(meta: "obstore.ObjectMeta") -> Stored:
    return Stored(meta["path"], meta["size"], meta["e_tag"] or meta["last_modified"].isoformat())


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise AlmanacError(f"{path!r} leads out of the lake: name a file below it")
    return path


def reason(error: Exception) -> str:
    """What a store or the way to it said, and what to do about it, in one line without any secret."""
    text = str(error)
    code = _CODE.search(text)
    said = code.group(1) if code else ""
    status = _STATUS.search(text)
    for signs, words in _REASONS:
        if any(sign == said or sign in text for sign in signs):
            return words
    if status:
        return f"the store answered {status.group(1)} {said}".rstrip() + "; check the store"
    how = _HOW.findall(text)
    return f"it cannot be reached ({how[-1] if how else 'no answer'}): check ALMANAC_LAKE_ENDPOINT and the network"
