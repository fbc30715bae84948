"""The collector's own HTTP server: connections that are read in the event loop itself, without threads beside it."""

import asyncio
import socket

from ingestion.collector.core import Collector
from ingestion.collector.http_connection import Connection
from ingestion.collector.limits import BACKLOG

CONNECTIONS = 4096  # who comes beyond them is told to come again
LOOK_SECONDS = 5.0  # how often connections are closed on which nobody asks for anything


class LoopServer:
    """Serves on a socket that is bound already, in the running event loop; leaves signals alone."""

    def __init__(self, collector: Collector, listening: socket.socket) -> None:
        self._collector = collector
        self._listening = listening
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._look_later: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Return when requests are answered."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._connection(loop), sock=self._listening, backlog=BACKLOG)
        self._look(loop)

    async def stop(self) -> None:
        """Close the socket and all connections."""
        if self._look_later is not None:
            self._look_later.cancel()
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
        await asyncio.sleep(0)  # so that what was written goes out

    def _connection(self, loop: asyncio.AbstractEventLoop) -> Connection:
        is_welcome = len(self._connections) < CONNECTIONS
        return Connection(self._collector.handle, self._connections, loop, is_welcome=is_welcome)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close connections that have waited for a whole request for too long, now and every few seconds."""
        now = loop.time()
        for connection in list(self._connections):
            if connection.closes_at is not None and connection.closes_at < now:
                connection.close(at_once=True)
        self._look_later = loop.call_later(LOOK_SECONDS, self._look, loop)
