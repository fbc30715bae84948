"""A server of the collector with nobody behind it: a body is read whole and answered. Run by `benchmarks.collector`.

What it costs is what is left of a request when authentication, contracts and the log cost nothing.
"""

import asyncio
import socket
import sys
from typing import Any, cast

import uvloop

from ingestion.collector.core import Answer, Head
from ingestion.collector.limits import Body
from ingestion.collector.server import http_server
from ingestion.collector.server_names import ServerName

_ANSWER = Answer(200, ((b"content-type", b"application/json"),), b'{"success":true,"accepted":1,"rejected":0}')


class Nobody:
    """Stands where the collector stands, and does nothing."""

    async def handle(self, _: Head, body: Body) -> Answer:
        """Read and answer."""
        await body.whole()
        return _ANSWER


async def serve(port: int, name: ServerName) -> None:
    """Answer on a port of this machine until the process is ended."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        nobody: Any = Nobody()
        await http_server(name, nobody, listening).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), cast(ServerName, sys.argv[2])))
