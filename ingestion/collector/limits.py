"""How much a request may hold: its body, what that inflates to, its events, and how slowly it may come."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from ingestion.collector.problems import Problem, too_large

MAX_BODY_BYTES = 500 * 1024
MAX_EVENTS = 2_500
MAX_DEPTH = 32
MAX_PROPERTIES = 1_000
MAX_PROPERTY_NAME = 256
MAX_MESSAGE_ID = 100
BODY_SECONDS = 30.0

# A client that is cut off while it sends sees a broken connection instead of the answer, and sends again. So a body
# that nobody wants, or that is a little too large, is read to its end and thrown away.
_DRAINED = 8  # times the limit
_TOO_SLOW = "the body did not arrive in time"
_CLOSE = ((b"connection", b"close"),)

_GZIP_BITS, _GZIP_MAGIC = 31, b"\x1f\x8b"
_MAX_MEMBERS = 1_000  # of a gzip body behind its first: each costs some microseconds, however little it holds
_WINDOW = 16 * 1024

KEEP_ALIVE_SECONDS = 75  # longer than load balancers keep idle connections, so that they are the ones to close
BACKLOG = 2048


class ClientGone(Exception):
    """The client closed the connection, or its half of it, before its request was complete."""


class MalformedBody(Exception):
    """Where a body's parts begin and end cannot be told: it breaks the rules of HTTP for chunks."""


class Body(Protocol):
    """The body of a request that is on its way; every server has its own."""

    def at_hand(self) -> bytes | None:
        """All of it, if it has arrived already."""
        ...

    async def whole(self) -> bytes:
        """All of it. Raises ClientGone or MalformedBody."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Its parts as they come. Raises ClientGone or MalformedBody."""
        ...


async def read_body(
    body: Body, declared: bytes | None, limit: int = MAX_BODY_BYTES, seconds: float | None = None
) -> bytes:
    """The request's whole body; `declared` is its Content-Length. Raises Problem (400, 408, 413)."""
    at_hand = body.at_hand()
    if at_hand is not None and len(at_hand) <= limit:
        return at_hand
    seconds = BODY_SECONDS if seconds is None else seconds
    deadline = _Deadline(seconds)
    try:
        length = _length(declared)
        if length is not None and length <= limit:
            content = await body.whole()
            size, complete = len(content), True
        else:
            content, size, complete = await _read(body, limit)
            if complete and length is not None and size < length:
                raise ClientGone
    except ClientGone:
        # Whoever closed only its own half still reads, and has to hear that the events are not to blame.
        message = "The connection was closed before the body was complete. Send it again."
        raise Problem(408, "truncated_body", message, headers=_CLOSE) from None
    except MalformedBody:
        message = "The body was sent in chunks that cannot be told apart. Send it with a Content-Length."
        raise Problem(400, "malformed_body", message, headers=_CLOSE) from None
    except asyncio.CancelledError as error:
        if not deadline.is_reason_of(error):
            raise
        message = f"The body did not arrive within {seconds:.0f} s. Send it again, in smaller batches."
        raise Problem(408, "request_timeout", message, headers=_CLOSE) from None
    finally:
        deadline.lift()
    if size > limit:
        got = f"{size:,} bytes" if complete else f"more than {size:,} bytes"
        problem = too_large(
            "batch_too_large", f"The body has {got}; the limit is {limit:,}. Send smaller batches.", limit
        )
        problem.headers = () if complete else _CLOSE
        raise problem
    return content


def _length(declared: bytes | None) -> int | None:
    """The length that a client declares; None if it does not, or with more digits than anybody needs."""
    return int(declared) if declared is not None and declared.isdigit() and len(declared) < 20 else None


class _Deadlines:
    """The deadlines of one event loop, all of one length, so that they end in the order in which they began.

    One timer watches over the first of them: a timer for each request, whose body is there long before, would cost
    more than reading it. A deadline that ends cancels its task.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.loop = loop
        self.seconds = seconds
        self.ends: dict[asyncio.Task[Any], float] = {}
        self.is_watching = False

    def watch(self) -> None:
        """Wait for the first deadline."""
        first = next(iter(self.ends.values()), None)
        self.is_watching = first is not None
        if first is not None:
            self.loop.call_at(first, self._end)

    def _end(self) -> None:
        now = self.loop.time()
        for task in [task for task, end in self.ends.items() if end <= now]:
            del self.ends[task]
            task.cancel(_TOO_SLOW)
        self.watch()


class _Deadline:
    """Cancels the current task after some seconds, unless it is lifted before. A task has one at a time."""

    __slots__ = ("_all", "_task")
    _latest: _Deadlines | None = None

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        deadlines = _Deadline._latest
        if deadlines is None or deadlines.loop is not loop or deadlines.seconds != seconds:
            deadlines = _Deadline._latest = _Deadlines(loop, seconds)
        self._all, self._task = deadlines, task
        deadlines.ends[task] = loop.time() + seconds
        if not deadlines.is_watching:
            deadlines.watch()

    def lift(self) -> None:
        """It is over."""
        self._all.ends.pop(self._task, None)

    def is_reason_of(self, error: asyncio.CancelledError) -> bool:
        """Whether the task was cancelled because its time is up; then it goes on."""
        if _TOO_SLOW not in error.args:
            return False
        self._task.uncancel()
        return True


async def drain(body: Body, headers: Mapping[bytes, bytes]) -> None:
    """Read the body of a request that is refused whatever it says, so that the client gets to read the answer."""
    if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
        return
    size = 0
    deadline = _Deadline(BODY_SECONDS)
    try:
        async for chunk in body.chunks():
            size += len(chunk)
            if size > _DRAINED * MAX_BODY_BYTES:
                return
    except (ClientGone, MalformedBody):
        pass
    except asyncio.CancelledError as error:
        if not deadline.is_reason_of(error):
            raise
    finally:
        deadline.lift()


async def _read(body: Body, limit: int) -> tuple[bytes, int, bool]:
    """The body (as far as it is within the limit), its size, and whether it was read to its end.

    A body of no declared length that breaks off looks complete behind granian, which ends it as it ends one with
    trailers; then it is no JSON.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in body.chunks():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        if size > _DRAINED * limit:
            return b"", size, False
    return b"".join(chunks), size, True


def inflate(body: bytes, encoding: bytes, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body as it was before the client compressed it. Raises Problem (400, 413, 415)."""
    if encoding in (b"", b"identity"):
        return body
    if encoding not in (b"gzip", b"x-gzip"):
        shown = encoding[:40].decode("latin-1")
        message = f"Content-Encoding {shown!r} is not supported. Use gzip or none."
        raise Problem(415, "unsupported_encoding", message, headers=((b"accept-encoding", b"gzip"),))
    inflater = zlib.decompressobj(wbits=_GZIP_BITS)
    try:
        # One byte more than allowed is enough to know; the rest of a bomb is never unpacked.
        content = inflater.decompress(body, limit + 1)
        if inflater.unused_data and len(content) <= limit:
            return _with_further_members(content, memoryview(inflater.unused_data), limit)
    except zlib.error as error:
        raise Problem(400, "invalid_compression", f"The body is not valid gzip: {error}.") from None
    if len(content) > limit:
        raise _inflates_too_far(limit)
    if not inflater.eof:
        raise _bad_gzip("the stream is cut short")
    return content


def _with_further_members(content: bytes, rest: memoryview, limit: int) -> bytes:
    """The content of a first member and of those behind it: what was packed in parts is gzip too (RFC 1952, 2.2).

    Raises Problem (400, 413) and zlib.error.
    """
    parts, size = [content], len(content)
    for _ in range(_MAX_MEMBERS):
        if not rest:
            return b"".join(parts)
        if bytes(rest[:2]) != _GZIP_MAGIC:
            raise _bad_gzip("the stream is followed by other bytes")
        inflater = zlib.decompressobj(wbits=_GZIP_BITS)
        while not inflater.eof:
            # By and by: what is behind a member is copied each time.
            window = rest[:_WINDOW]
            if not window:
                raise _bad_gzip("the stream is cut short")
            parts.append(inflater.decompress(window, limit + 1 - size))
            size += len(parts[-1])
            if size > limit:
                raise _inflates_too_far(limit)
            rest = rest[len(window) - len(inflater.unused_data) :]
    raise _bad_gzip(f"it has more than {_MAX_MEMBERS:,} members; pack it whole")


def _inflates_too_far(limit: int) -> Problem:
    message = f"The body inflates to more than {limit:,} bytes. Send smaller batches."
    return too_large("decompressed_too_large", message, limit)


def _bad_gzip(why: str) -> Problem:
    return Problem(400, "invalid_compression", f"The body is not valid gzip: {why}.")
