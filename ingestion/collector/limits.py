"""How much a request may hold: its body, what that inflates to, its events, and how slowly it may come."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ingestion.collector.problems import Problem, too_large

MAX_EVENT_BYTES = 32 * 1024
MAX_BODY_BYTES = 500 * 1024
MAX_EVENTS = 2_500
MAX_DEPTH = 32
MAX_PROPERTIES = 1_000
MAX_PROPERTY_NAME = 256
MAX_MESSAGE_ID = 100
BODY_SECONDS = 30.0

# A client that is cut off while it sends sees a broken connection instead of the answer, and sends again. So a body
# that is a little too large is read to its end and thrown away.
_DRAINED_BYTES = 8 * MAX_BODY_BYTES
_CLOSE = ((b"connection", b"close"),)

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientGone(Exception):
    """The client closed the connection before its request was complete; there is nobody to answer."""


async def read_body(receive: Receive, seconds: float = BODY_SECONDS) -> bytes:
    """The request's whole body. Raises Problem (408, 413) or ClientGone."""
    try:
        async with asyncio.timeout(seconds):
            body, size, complete = await _read(receive)
    except TimeoutError:
        message = f"The body did not arrive within {seconds:.0f} s. Send it again, in smaller batches."
        raise Problem(408, "request_timeout", message, headers=_CLOSE) from None
    if size > MAX_BODY_BYTES:
        got = f"{size:,} bytes" if complete else f"more than {size:,} bytes"
        problem = too_large(
            "batch_too_large",
            f"The body has {got}; the limit is {MAX_BODY_BYTES:,}. Send smaller batches.",
            MAX_BODY_BYTES,
        )
        problem.headers = () if complete else _CLOSE
        raise problem
    return body


async def _read(receive: Receive) -> tuple[bytes, int, bool]:
    """The body (as far as it is within the limit), its size, and whether it was read to its end."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks), size, True
        if size > _DRAINED_BYTES:
            return b"", size, False


def inflate(body: bytes, encoding: bytes) -> bytes:
    """The body as it was before the client compressed it. Raises Problem (400, 413, 415)."""
    if encoding in (b"", b"identity"):
        return body
    if encoding not in (b"gzip", b"x-gzip"):
        shown = encoding[:40].decode("latin-1")
        message = f"Content-Encoding {shown!r} is not supported. Use gzip or none."
        raise Problem(415, "unsupported_encoding", message, headers=((b"accept-encoding", b"gzip"),))
    inflater = zlib.decompressobj(wbits=31)
    try:
        # One byte more than allowed is enough to know; the rest of a bomb is never unpacked.
        content = inflater.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise Problem(400, "invalid_compression", f"The body is not valid gzip: {error}.") from None
    if len(content) > MAX_BODY_BYTES:
        message = f"The body inflates to more than {MAX_BODY_BYTES:,} bytes. Send smaller batches."
        raise too_large("decompressed_too_large", message, MAX_BODY_BYTES)
    if not inflater.eof or inflater.unused_data:
        what = "is cut short" if not inflater.eof else "is followed by other bytes"
        raise Problem(400, "invalid_compression", f"The body is not valid gzip: the stream {what}.")
    return content
