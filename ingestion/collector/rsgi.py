"""The collector behind granian's RSGI, which parses HTTP outside of Python and calls it less often than ASGI does."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketHolder
from granian.rsgi import Headers as RsgiHeaders
from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope
from granian.server.embed import Server

from ingestion.collector.core import Collector, Head, Headers
from ingestion.collector.limits import BACKLOG, KEEP_ALIVE_SECONDS, ClientGone

CONNECTIONS = 4096  # more wait in the system's queue


class HeaderMap(Mapping[bytes, bytes]):
    """The headers of a request; few of them are ever looked at, so they are turned into bytes only then."""

    __slots__ = ("_headers",)

    def __init__(self, headers: RsgiHeaders) -> None:
        self._headers = headers

    def __getitem__(self, name: bytes) -> bytes:
        value = self._headers.get(_name(name))
        if value is None:
            raise KeyError(name)
        return _bytes(value)

    def get(self, name: bytes, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        """The value of a header, or `default`."""
        value = self._headers.get(_name(name))
        return default if value is None else value.encode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[bytes]:
        return (name.encode("latin-1") for name in self._headers.keys())  # noqa: SIM118

    def __len__(self) -> int:
        return len(self._headers.keys())


@lru_cache(maxsize=256)
def _name(name: bytes) -> str:
    return name.decode("latin-1")


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


class RsgiBody:
    """The body of a request, from granian."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: HTTPProtocol) -> None:
        self._protocol = protocol

    def at_hand(self) -> bytes | None:
        """Nothing: granian hands over a request before its body."""
        return None

    async def whole(self) -> bytes:
        """All of it. Raises ClientGone."""
        try:
            content: bytes = await self._protocol()
            return content
        except (ProtocolClosed, ProtocolError):
            raise ClientGone from None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its parts as they come. Raises ClientGone."""
        try:
            async for chunk in self._protocol:
                yield chunk
        except (ProtocolClosed, ProtocolError):
            raise ClientGone from None


class RsgiApp:
    """The RSGI application."""

    def __init__(self, collector: Collector) -> None:
        self._handle = collector.handle

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """One request."""
        query = scope.query_string
        head = Head(
            scope.method,
            scope.path,
            query.encode("latin-1", "replace") if query else b"",
            HeaderMap(scope.headers),
            _address(scope.client),
        )
        answer = await self._handle(head, RsgiBody(protocol))
        # A client may be gone by now; what it sent is safe all the same.
        with suppress(OSError, RuntimeError):
            if answer.body:
                protocol.response_bytes(answer.status, _text(answer.headers), answer.body)
            else:
                protocol.response_empty(answer.status, _text(answer.headers))


@lru_cache(maxsize=CONNECTIONS)
def _address(client: str) -> str:
    """The address of the other end of a connection, without its port."""
    return client.rpartition(":")[0].strip("[]")


@lru_cache(maxsize=256)
def _text(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


class GranianServer:
    """Serves on a socket that is bound already, in the running event loop; leaves signals alone."""

    def __init__(self, collector: Collector, listening: socket.socket) -> None:
        self._server = _Server(collector, listening)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when requests are answered."""
        self._task = asyncio.create_task(self._server.serve())
        await asyncio.sleep(0)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Close the socket and all connections."""
        self._server.stop()
        if self._task is not None:
            await self._task


class _Server(Server):  # type: ignore[misc]
    def __init__(self, collector: Collector, listening: socket.socket) -> None:
        logging.getLogger("_granian").setLevel(logging.ERROR)
        super().__init__(
            RsgiApp(collector),
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=CONNECTIONS,
            log_enabled=False,
            http1_settings=HTTP1Settings(header_read_timeout=KEEP_ALIVE_SECONDS * 1000),
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        # granian would bind a socket of its own; ours is bound already, so that port 0 can be announced.
        self._listening.listen(BACKLOG)
        self._listening.setblocking(False)
        self._sfd = os.dup(self._listening.fileno())  # granian closes it
        self._shd = SocketHolder(self._sfd, False, BACKLOG)
        self._ssp = None
