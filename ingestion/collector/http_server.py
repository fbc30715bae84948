"""The collector's own HTTP server: connections that are read in the event loop itself, without threads beside it."""

import asyncio
import resource
import socket
from contextlib import suppress
from itertools import chain

from ingestion.collector.core import Collector
from ingestion.collector.http_connection import Connection
from ingestion.collector.limits import BACKLOG

CONNECTIONS = 4096  # who comes beyond them is told to come again
TOLD = 256  # at a time; who comes beyond them is not even told
OTHER_HANDLES = 256  # what the process needs beside connections: its log, the application's state, standing files
LOOK_SECONDS = 5.0  # how often connections are closed on which nobody asks for anything
STOP_SECONDS = 1.0  # what clients get to read the last answers


class LoopServer:
    """Serves on a socket that is bound already, in the running event loop; leaves signals alone."""

    def __init__(self, collector: Collector, listening: socket.socket) -> None:
        self._collector = collector
        self._listening = listening
        self._most = CONNECTIONS
        self._connections: set[Connection] = set()
        self._told: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._look_later: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Return when requests are answered."""
        self._most = min(CONNECTIONS, _handles(CONNECTIONS + TOLD + OTHER_HANDLES) - TOLD - OTHER_HANDLES)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._connection(loop), sock=self._listening, backlog=BACKLOG)
        self._look(loop)

    async def stop(self) -> None:
        """Close the socket and all connections."""
        if self._look_later is not None:
            self._look_later.cancel()
        if self._server is not None:
            self._server.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + STOP_SECONDS
        for connection in self._all():
            connection.close()
        while self._all() and loop.time() < end:
            await asyncio.sleep(0.01)
        for connection in self._all():
            connection.close(at_once=True)

    def _all(self) -> list[Connection]:
        return list(chain(self._connections, self._told))

    def _connection(self, loop: asyncio.AbstractEventLoop) -> asyncio.Protocol:
        handle = self._collector.handle
        if len(self._connections) < self._most:
            return Connection(handle, self._connections, loop)
        if len(self._told) < TOLD:
            return Connection(handle, self._told, loop, is_welcome=False)
        return _TurnedAway()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close connections that have waited for a whole request for too long, now and every few seconds."""
        now = loop.time()
        for connection in self._all():
            if connection.closes_at is not None and connection.closes_at < now:
                connection.close(at_once=True)
        self._look_later = loop.call_later(LOOK_SECONDS, self._look, loop)


class _TurnedAway(asyncio.Protocol):
    """A connection that is closed as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        transport.abort()  # type: ignore[attr-defined]


def _handles(wanted: int) -> int:
    """How many files and connections this process may have open; as many as are wanted if the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if soft == resource.RLIM_INFINITY else soft
