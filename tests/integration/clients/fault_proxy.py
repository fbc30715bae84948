"""A proxy before a real collector that fails as networks and servers do, so that clients' own retries are real."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ingestion.collector.problems import Problem

ALWAYS = 1_000  # more often than any client sends again


@dataclass(frozen=True)
class Fault:
    """One request that sends events goes wrong: it is answered like this.

    `arrives` says that the collector gets it all the same: only its answer is lost.
    """

    status: int
    code: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    arrives: bool = False


@dataclass
class Line:
    """An address of its own with its own faults; `answers` are the statuses that events were answered with.

    They are in the order in which requests came: a client may have two under way, and the later one answered first.
    """

    url: str
    answers: list[int] = field(default_factory=list)


class FaultProxy:
    """Forwards to `target`; each of its lines fails as it was told to, and then no more."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname, parts.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def line(self, *faults: Fault) -> Line:
        """A new address; its first requests with events meet the faults, one each."""
        return asyncio.run_coroutine_threadsafe(self._open(deque(faults)), self._loop).result(30)

    def close(self) -> None:
        """Stop listening."""
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _open(self, faults: deque[Fault]) -> Line:
        line = Line("")

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(line, faults, reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return line

    async def _serve(
        self, line: Line, faults: deque[Fault], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head, body = await _request(reader)
        sends_events = head.startswith(b"POST ") and b" /flags" not in head
        fault = faults.popleft() if sends_events and faults else None
        place = len(line.answers)
        line.answers += [0] * sends_events  # until it is answered
        answer = b""
        if fault is None or fault.arrives:
            answer = await self._forward(head, body)
        if fault is not None:
            answer = _answer(fault)
        if sends_events:
            line.answers[place] = int(answer.split(b" ", 2)[1])
        writer.write(answer)
        await writer.drain()

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        # One request a connection, so that the end of the answer is the end of the connection.
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"transfer-enc"))]
        if not any(line.lower().startswith(b"content-length:") for line in lines):
            lines.append(b"Content-Length: %d" % len(body))
        writer.write(b"\r\n".join([*lines, b"Connection: close", b"", body]))
        await writer.drain()
        answer = await reader.read()
        writer.close()
        answered, _, content = answer.partition(b"\r\n\r\n")
        return answered + b"\r\nConnection: close\r\n\r\n" + content


async def _request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
    names = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    if b"chunked" in names.get(b"transfer-encoding", b"").lower():
        chunks = []
        while size := int((await reader.readline()).strip() or b"0", 16):
            chunks.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return head, b"".join(chunks)
    return head, await reader.readexactly(int(names.get(b"content-length", 0)))


def _answer(fault: Fault) -> bytes:
    """The fault as the collector would put it."""
    body = Problem(fault.status, fault.code, f"This is {fault.code} for a test.").body()
    headers = (
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *fault.headers,
    )
    return b"".join(
        (
            b"HTTP/1.1 %d Fault\r\n" % fault.status,
            *(name + b": " + value + b"\r\n" for name, value in headers),
            b"\r\n",
            body,
        )
    )


@contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """A proxy before `target` for as long as the context lasts."""
    proxy = FaultProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
