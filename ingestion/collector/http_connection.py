"""One connection of the collector's own server, in the event loop itself.

A request is handed over when what the network had of it is read, which is mostly all of it: then nobody waits for its
body, and no other thread is woken. Requests of one connection are answered one after the other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableSet
from typing import cast

from ingestion.collector.core import Answer, Head
from ingestion.collector.http_answers import CONTINUE, closes, encoded
from ingestion.collector.http_body import ReceivedBody
from ingestion.collector.http_reading import Exchange, RequestReader, refusal
from ingestion.collector.limits import KEEP_ALIVE_SECONDS, ClientGone
from ingestion.collector.problems import unavailable

LINGER_SECONDS = 5.0  # for a client that still sends what nobody wants, or does not read its last answer
MAX_PIPELINED = 32  # requests that wait for those before them; then no more is read
SLICE_BYTES = 8 * 1024  # are read at a time: no more requests than they hold can come to those that wait

Handle = Callable[[Head, ReceivedBody], Awaitable[Answer]]


class Connection(asyncio.Protocol):
    """A client's connection. `close` and `closes_at` are for the server, the rest is called by the event loop."""

    def __init__(
        self,
        handle: Handle,
        connections: "MutableSet[Connection]",
        loop: asyncio.AbstractEventLoop,
        *,
        is_welcome: bool = True,
    ) -> None:
        """`connections` holds it while it is open. Who is not welcome is told to come again, whatever is sent."""
        self.closes_at: float | None = None  # by the loop's clock, unless a request comes; None: one is here
        self._handle = handle
        self._connections = connections
        self._loop = loop
        self._is_welcome = is_welcome
        self._unread: bytes | memoryview = b""  # that was sent while requests before it waited
        self._waiting: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._task: asyncio.Task[None] | None = None  # held here, or it could be thrown away
        self._is_paused = self._is_writing_paused = False
        self._has_ended = False  # the client has closed its half

    def close(self, *, at_once: bool = False) -> None:
        """Close the connection: when the client has read its answers, which it gets some seconds for, or `at_once`."""
        self._reader.is_done = True
        self._waiting.clear()
        if at_once:
            self._transport.abort()
        else:
            self._transport.close()
            self.closes_at = self._loop.time() + LINGER_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else None
        self._reader = RequestReader(self._waiting, address, on_wait=self._say_continue, on_read=self._flow)
        self._connections.add(self)
        self.closes_at = self._loop.time() + KEEP_ALIVE_SECONDS
        if not self._is_welcome:
            self._reader.is_done = True
            message = "The collector has as many connections as it takes. Send the request again."
            self._waiting.append(refusal(unavailable("overloaded", message, 1)))
            self._serve_next()

    def connection_lost(self, _: Exception | None) -> None:
        """It is closed, by whomever. A request whose body is complete is handled to its end all the same."""
        self._connections.discard(self)
        self._waiting.clear()
        self._reader.end()

    def eof_received(self) -> bool:
        """The client has closed its half; it may still read the answers to what it sent."""
        self._has_ended = True
        self._flow()
        return self._current is not None or bool(self._waiting)

    def data_received(self, data: bytes) -> None:
        """Something was sent."""
        if self._unread:
            self._unread = bytes(self._unread) + data
        elif len(data) > SLICE_BYTES:
            self._unread = memoryview(data)
        else:
            self._reader.feed(data)
            if not self._is_paused and len(self._waiting) == 1 and self._waiting[0].body.is_complete:
                self._serve_next()  # the usual case: a whole request, and nothing else
                return
        self._flow()

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._is_writing_paused = True
        self._flow()

    def resume_writing(self) -> None:
        """It does again."""
        self._is_writing_paused = False
        self._flow()

    @property
    def _is_blocked(self) -> bool:
        """Whether what was read should be dealt with before there is more."""
        reader = self._reader
        return not reader.is_done and (self._is_writing_paused or len(self._waiting) > MAX_PIPELINED or reader.is_full)

    def _flow(self) -> None:
        """Read as long as somebody keeps up with it, and begin with the next request."""
        while self._unread and not self._is_blocked:
            part, self._unread = self._unread[:SLICE_BYTES], self._unread[SLICE_BYTES:]
            self._reader.feed(part)
        if self._has_ended and not self._unread:
            self._reader.break_off(ClientGone())
        self._serve_next()
        is_paused = bool(self._unread) or self._is_blocked
        if is_paused != self._is_paused and not self._transport.is_closing():
            self._is_paused = is_paused
            if is_paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _serve_next(self) -> None:
        """Begin with the next request, if there is one and the answers before it are on their way."""
        if self._current is not None or not self._waiting or self._is_writing_paused:
            return
        exchange = self._current = self._waiting.popleft()
        self.closes_at = None
        if exchange.answer is not None:
            self._respond(exchange, exchange.answer)
        else:
            self._task = self._loop.create_task(self._serve(exchange))

    async def _serve(self, exchange: Exchange) -> None:
        try:
            self._respond(exchange, await self._handle(exchange.head, exchange.body))
        except BaseException:  # a task that was cancelled, or a mistake of ours: nobody else would close it
            self._current = self._task = None
            self.close(at_once=True)
            raise

    def _respond(self, exchange: Exchange, answer: Answer) -> None:
        self._current = self._task = None
        transport = self._transport
        if transport.is_closing():
            return
        is_read = exchange.body.is_complete
        keeps_alive = exchange.keeps_alive and is_read and not closes(answer)
        is_head = exchange.head.method == "HEAD"
        transport.write(encoded(answer, keeps_alive=keeps_alive, is_old=exchange.is_old, is_head=is_head))
        if keeps_alive:
            self._go_on()
        elif is_read or self._has_ended:
            self.close()
        else:
            self._linger()

    def _go_on(self) -> None:
        """To the next request."""
        self.closes_at = self._loop.time() + KEEP_ALIVE_SECONDS
        if self._is_paused:
            self._flow()
        else:
            self._serve_next()
        if self._has_ended and self._current is None and not self._waiting and not self._unread:
            self.close()

    def _linger(self) -> None:
        """Throw away for a while what the client still sends.

        If it had to be told that nobody reads, its system would throw away the answer as well (RFC 9112, 9.6).
        """
        self._reader.is_done = True
        self._waiting.clear()
        self._transport.write_eof()
        self.closes_at = self._loop.time() + LINGER_SECONDS
        self._flow()

    def _say_continue(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(CONTINUE)
