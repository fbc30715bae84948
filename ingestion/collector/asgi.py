"""The collector behind an ASGI server (uvicorn)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from ingestion.collector.core import Answer, Collector, Head
from ingestion.collector.limits import BACKLOG, KEEP_ALIVE_SECONDS, ClientGone

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AsgiBody:
    """The body of a request, from an ASGI server."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    def at_hand(self) -> bytes | None:
        """Nothing: what has arrived is only told to those who wait for it."""
        return None

    async def whole(self) -> bytes:
        """All of it. Raises ClientGone."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            first: bytes = message.get("body", b"")
            return first
        return b"".join([chunk async for chunk in self._chunks(message)])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its parts as they come. Raises ClientGone."""
        async for chunk in self._chunks(await self._receive()):
            yield chunk

    async def _chunks(self, message: Message) -> AsyncIterator[bytes]:
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGone
            yield message.get("body", b"")
            if not message.get("more_body"):
                return
            message = await self._receive()


class AsgiApp:
    """The ASGI application."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        peer = scope["client"]
        head = Head(
            scope["method"], scope["path"], scope["query_string"], dict(scope["headers"]), peer[0] if peer else None
        )
        await _respond(send, await self._collector.handle(head, AsgiBody(receive)))


async def _respond(send: Send, answer: Answer) -> None:
    headers, body = answer.headers, answer.body
    if body:
        headers = (*headers, (b"content-length", str(len(body)).encode()))
    # A client may be gone by now; what it sent is safe all the same.
    with suppress(OSError, RuntimeError):
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class UvicornServer:
    """Serves on a socket that is bound already; leaves signals alone."""

    def __init__(self, collector: Collector, listening: socket.socket) -> None:
        self._listening = listening
        config = uvicorn.Config(
            AsgiApp(collector),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
            backlog=BACKLOG,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when requests are answered."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listening]))
        started = asyncio.create_task(self._server.has_started.wait())
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Close the socket and all connections."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.has_started.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
