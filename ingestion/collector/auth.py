"""Whose key a request carries, and a copy of the valid keys in memory that is never older than a few seconds."""

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable, Mapping

from almanac.errors import AlmanacError
from almanac.state import KEY_MARK, WriteKey, hash_key
from ingestion.collector.problems import Problem, unavailable

# A revoked key stops working within five seconds: the age of the copy plus the time of a query.
REFRESH_SECONDS = 2.0
# A key that is not in the copy may have been made a moment ago; strangers cannot make us ask more often than this.
ASK_AGAIN_SECONDS = 0.5
# While the application state cannot be read, the last known keys stay valid for so long: losing every event of
# everybody would be worse than a revoked key that only adds events for some minutes more.
TOLERATED_SECONDS = 300.0
_REMEMBERED = 10_000  # headers; what stands beside a key in one may differ from request to request
_CHALLENGE = ((b"www-authenticate", b"Bearer"),)

_log = logging.getLogger("almanac.collector")


def key_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The write key in the headers of a request (names in lower case), or None if there is none.

    Jitsu's libraries send `X-Write-Key: <id>:<secret>` and demand that form: either part may be the write key.
    """
    key = key_of(headers.get(b"authorization"))
    if key is not None or b"x-write-key" not in headers:
        return key
    return key_in_pair(headers[b"x-write-key"].decode("latin-1").strip())


def key_in_pair(pair: str) -> str | None:
    """The write key in `<id>:<secret>`, as whichever part it stands there, or alone; None if there is none."""
    id_, _, secret = pair.partition(":")
    return (id_ if id_.startswith(KEY_MARK) or not secret else secret) or None


def key_of(authorization: bytes | None) -> str | None:
    """The write key in an Authorization header (user name of Basic, token of Bearer), or None if there is none."""
    if not authorization:
        return None
    scheme, _, value = authorization.partition(b" ")
    scheme, value = scheme.lower(), value.strip()
    if scheme == b"bearer":
        return value.decode("latin-1") or None
    if scheme != b"basic":
        return None
    try:
        user, _, _ = base64.b64decode(value, validate=True).partition(b":")
    except binascii.Error:
        return "?"  # something was presented; it is nobody's key
    return user.decode("latin-1") or None


def missing_key() -> Problem:
    """401: no key was presented."""
    message = (
        "There is no write key. Send it as the user name of Basic authentication, as a Bearer token or as writeKey."
    )
    return Problem(401, "missing_write_key", message, headers=_CHALLENGE)


def invalid_key() -> Problem:
    """401: the key is unknown or revoked, and nobody is told which."""
    return Problem(401, "invalid_write_key", "The write key is not valid. Ask for a new one.", headers=_CHALLENGE)


class KeyRing:
    """The valid write keys, by hash, read again every few seconds by a task of the running event loop."""

    def __init__(self, load: Callable[[], Mapping[str, WriteKey]]) -> None:
        """Read the keys. Raises AlmanacError if they cannot be read."""
        self._load = load
        self._loaded_at = self._asked_at = time.monotonic()
        self._keys = load()
        self._found: dict[str, WriteKey] = {}  # by plain text: asked for since the keys were read, and among them
        self._unknown: set[str] = set()  # the same, and not among them
        self._headers: dict[bytes, WriteKey] = {}  # by Authorization header: found in one since the keys were read
        self._asking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to read the keys again and again."""
        self._task = asyncio.create_task(self._keep_fresh())

    async def stop(self) -> None:
        """End the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def remembered(self, authorization: bytes | None) -> WriteKey | None:
        """The key in an Authorization header, if it was found a moment ago; else `find_in` has to tell."""
        if authorization is None or time.monotonic() - self._loaded_at > TOLERATED_SECONDS:
            return None
        return self._headers.get(authorization)

    async def find_in(self, headers: Mapping[bytes, bytes]) -> WriteKey | None:
        """The key in the headers of a request, None if there is none. Raises Problem as `find`."""
        token = key_in(headers)
        if token is None:
            return None
        key = await self.find(token)
        authorization = headers.get(b"authorization")
        if authorization is not None and key_of(authorization) == token and len(self._headers) < _REMEMBERED:
            self._headers[authorization] = key
        return key

    async def find(self, plaintext: str) -> WriteKey:
        """The key with this plain text. Raises Problem: 401 if it is not valid, 503 if nobody can tell."""
        key = self._found.get(plaintext) or await self._look_up(hash_key(plaintext))
        if time.monotonic() - self._loaded_at > TOLERATED_SECONDS:
            raise unavailable(
                "state_unavailable", "Write keys cannot be checked at the moment. Send the request again."
            )
        if key is None:
            raise invalid_key()
        self._found[plaintext] = key
        return key

    async def _look_up(self, hashed: str) -> WriteKey | None:
        key = self._keys.get(hashed)
        if key is None and hashed not in self._unknown:
            # Refusing it now would lose events: clients throw away what was answered 401.
            await asyncio.sleep(max(0.0, self._asked_at + ASK_AGAIN_SECONDS - time.monotonic()))
            await self._try_refresh()
            key = self._keys.get(hashed)
            if key is None:
                self._unknown.add(hashed)
        return key

    @property
    def age(self) -> float:
        """Seconds since the keys were read."""
        return time.monotonic() - self._loaded_at

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._try_refresh()

    async def _try_refresh(self) -> None:
        try:
            await self._refresh()
        except AlmanacError as error:
            _log.warning("write keys are %.0f s old, because %s", self.age, error)

    async def _refresh(self) -> None:
        came_at = time.monotonic()
        async with self._asking:
            if self._asked_at >= came_at:
                return  # another request asked while this one waited
            self._asked_at = time.monotonic()
            self._keys = await asyncio.to_thread(self._load)
            self._loaded_at = self._asked_at
            self._found.clear()
            self._headers.clear()
            self._unknown.clear()
