"""The body of a request as it arrives at a connection of the collector's own server."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from ingestion.collector.limits import ClientGone, MalformedBody

HIGH_BYTES = 256 * 1024  # more than that is not taken from the network before somebody has read it
MANY = 256  # parts; then they are put together


class ReceivedBody:
    """Filled by a connection, read by one task; both in the event loop."""

    __slots__ = ("_chunks", "_failure", "_is_wanted_whole", "_on_read", "_on_wait", "_waiting", "is_complete", "size")

    def __init__(self, on_wait: Callable[[], None] | None, on_read: Callable[[], None]) -> None:
        """`on_wait` is called once, when somebody first waits for more; `on_read` whenever something was taken out."""
        self._chunks: deque[bytes] = deque()
        self._failure: ClientGone | MalformedBody | None = None
        self._is_wanted_whole = False
        self._on_wait = on_wait
        self._on_read = on_read
        self._waiting: asyncio.Future[None] | None = None
        self.is_complete = False
        self.size = 0  # bytes that nobody has taken out yet

    @property
    def is_full(self) -> bool:
        """Whether no more should be taken from the network for now."""
        return self.size > HIGH_BYTES and not self._is_wanted_whole

    def feed(self, chunk: bytes) -> None:
        """One more part has arrived."""
        chunks = self._chunks
        chunks.append(chunk)
        self.size += len(chunk)
        if len(chunks) > MANY:  # parts of some bytes each would take a hundred times their size
            content = b"".join(chunks)
            chunks.clear()
            chunks.append(content)
        if not self._is_wanted_whole:
            self._wake()

    def finish(self) -> None:
        """All of it has arrived."""
        self.is_complete = True
        self._wake()

    def fail(self, failure: ClientGone | MalformedBody) -> None:
        """No more will arrive, though it is not complete; whoever reads it gets the failure."""
        if not self.is_complete and self._failure is None:
            self._failure = failure
            self._wake()

    def at_hand(self) -> bytes | None:
        """All of it, if it has arrived already."""
        if not self.is_complete:
            return None
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    async def whole(self) -> bytes:
        """All of it. Raises ClientGone or MalformedBody."""
        self._is_wanted_whole = True
        self._on_read()
        while not self.is_complete:
            await self._more()
        return self._take()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its parts as they come. Raises ClientGone or MalformedBody."""
        while True:
            while self._chunks:
                yield self._take()
                self._on_read()
            if self.is_complete:
                return
            await self._more()

    def _take(self) -> bytes:
        chunks = self._chunks
        content = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.size = 0
        return content

    async def _more(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._on_wait is not None:
            self._on_wait()
            self._on_wait = None
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
