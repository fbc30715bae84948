"""The collector's own HTTP server over real connections: what it reads and answers, and whom it does not wait for."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from socket import create_server
from typing import Any, cast

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.collector import http_connection, http_server
from ingestion.collector.core import Answer, Collector, Head, problem_answer
from ingestion.collector.limits import Body, read_body
from ingestion.collector.problems import Problem

SECONDS = 20.0  # after which a test fails
JSON = ((b"content-type", b"application/json"),)
GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"


class Echo:
    """Answers with what it was asked, once the body is there; it reads bodies as the collector does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.connections: Collection[object] = ()  # that are open
        self.answer: bytes | None = None
        self.hold: asyncio.Event | None = None
        self.mistakes: list[dict[str, Any]] = []  # of which the event loop told
        self.server: http_server.LoopServer | None = None

    async def handle(self, head: Head, body: Body) -> Answer:
        try:
            content = await read_body(body, head.headers.get(b"content-length"))
        except Problem as problem:
            return problem_answer(problem)
        self.bodies.append(content)
        if self.hold is not None:
            await self.hold.wait()
        if head.path == "/mistake":
            raise RuntimeError("a mistake")
        if head.path == "/nothing":
            return Answer(204, ())
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers.items()}
        told = {"method": head.method, "path": head.path, "query": head.query.decode(), "headers": headers}
        document = {**told, "body": content.decode("latin-1"), "peer": head.peer}
        return Answer(200, JSON, self.answer or json.dumps(document).encode())


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@asynccontextmanager
async def serving(echo: Echo) -> AsyncIterator[Connect]:
    """A running server; what it gives opens a connection to it."""
    with create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = http_server.LoopServer(cast(Collector, echo), listening)
        await server.start()
        echo.connections, echo.server = server._connections, server
        writers: list[asyncio.StreamWriter] = []

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            return reader, writer

        try:
            yield connect
        finally:
            for writer in writers:
                writer.close()
            await server.stop()


def run(use: Callable[[Echo, Connect], Awaitable[None]]) -> None:
    """Let somebody use a server, in the event loop that the collector has."""

    async def used() -> None:
        echo = Echo()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: echo.mistakes.append(context))
        async with serving(echo) as connect:
            await asyncio.wait_for(use(echo, connect), SECONDS)
        gc.collect()
        assert echo.mistakes == []

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(used())


async def answer_of(reader: asyncio.StreamReader, *, has_body: bool = True) -> tuple[int, dict[str, str], Any]:
    """Status, headers and document of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:-2])
    size = int(headers.get("content-length", "0")) if has_body else 0
    body = await reader.readexactly(size)
    return int(head[0].split()[1]), headers, json.loads(body) if body else None


async def exchange(connect: Connect, *parts: bytes, ends: bool = False) -> tuple[int, dict[str, str], Any]:
    """The answer to what is sent over a connection of its own, part by part; and the connection's end if it is told."""
    reader, writer = await connect()
    for part in parts:
        writer.write(part)
        await writer.drain()
    if ends:
        writer.write_eof()
    answer = await answer_of(reader)
    if answer[1].get("connection") == "close":
        assert await reader.read() == b"", "it said that it closes the connection"
    return answer


async def none_of(connections: Collection[object]) -> None:
    """Return when they are all closed."""
    while connections:
        await asyncio.sleep(0.01)


def post(body: bytes, *headers: bytes, version: bytes = b"1.1") -> bytes:
    lines = [b"POST /a HTTP/" + version, b"Host: x", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


def test_what_is_asked_arrives() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        status, headers, told = await exchange(connect, GET)
        assert (status, headers["content-type"]) == (200, "application/json")
        assert headers["date"].endswith(" GMT")
        assert "connection" not in headers
        assert (told["method"], told["path"], told["query"], told["body"]) == ("GET", "/a", "b=c", "")
        assert (told["headers"], told["peer"]) == ({"host": "x"}, "127.0.0.1")
        for asked, path, query in (
            (b"/v1/caf%C3%A9%20x", "/v1/café x", ""),
            (b"http://almanac.test/v1/t?x=%20", "/v1/t", "x=%20"),
            (b"/a?b#c", "/a", "b"),
        ):
            _, _, told = await exchange(connect, b"GET " + asked + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (told["path"], told["query"]) == (path, query)
        _, _, told = await exchange(connect, post(b"", b"X-A: 1", b"x-a: 2", b"X-Empty:"))
        assert (told["headers"]["x-a"], told["headers"]["x-empty"]) == ("1, 2", "")

    run(use)


def test_requests_of_a_connection_are_answered_in_order() -> None:
    async def use(echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        sent = [b"%d" % number for number in range(200)]  # more than wait at a time
        writer.write(b"".join(map(post, sent)))
        for body in sent:
            assert (await answer_of(reader))[2]["body"] == body.decode()
        assert echo.bodies == sent

    run(use)


def test_a_body_may_come_in_chunks_with_extensions_and_trailers() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        whole = head + b"3;name=value\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Host: y\r\n\r\n"
        reader, writer = await connect()
        writer.write(whole + GET)
        _, _, told = await answer_of(reader)
        assert told["body"] == "abcdefg"
        assert "x-host" not in told["headers"]
        assert (await answer_of(reader))[2]["method"] == "GET", "the connection goes on"

    run(use)


PIPELINE = (
    GET
    + post(b"first " * 30, b"Expect: 100-continue")
    + b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n1\r\nf\r\n0\r\n\r\n"
    + b"OPTIONS /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    + post(b"last", b"Connection: close")
)


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(1, len(PIPELINE) - 1), unique=True, max_size=12))
def test_it_does_not_matter_how_the_network_cuts_what_is_sent(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(PIPELINE)]

    async def use(echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        for start, end in pairwise(edges):
            writer.write(PIPELINE[start:end])
            await writer.drain()
            await asyncio.sleep(0)
        answered = (await reader.read()).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        assert [part[:3] for part in answered.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"200", b"204", b"200"]
        assert echo.bodies == [b"", b"first " * 30, b"abcdef", b"", b"last"]

    run(use)


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=400), place=st.integers(0, len(PIPELINE)), cut=st.integers(0, 400))
def test_noise_is_answered_or_cut_off_and_harms_nobody_else(noise: bytes, place: int, cut: int) -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        sent = PIPELINE[:place] + noise + PIPELINE[place:]
        writer.write(sent[:cut] if cut % 2 else sent)
        writer.write_eof()
        await reader.read()  # to its end
        assert (await exchange(connect, GET))[0] == 200

    run(use)


def test_a_client_is_told_to_go_on_before_it_sends_a_large_body() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        whole = post(b"x" * 1000, b"Expect: 100-continue")
        writer.write(whole[:-1000])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(whole[-1000:])
        assert (await answer_of(reader))[2]["body"] == "x" * 1000

    run(use)


def test_old_clients_and_those_who_leave_are_not_kept() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        assert (await exchange(connect, post(b"x", version=b"1.0")))[1]["connection"] == "close"
        assert (await exchange(connect, post(b"x", b"Connection: close") + b"more"))[1]["connection"] == "close"
        reader, writer = await connect()
        for _ in range(2):
            writer.write(post(b"x", b"Connection: keep-alive", version=b"1.0"))
            assert (await answer_of(reader))[1]["connection"] == "keep-alive"

    run(use)


def test_answers_that_have_no_body() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nDELETE /nothing HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
        status, headers, _ = await answer_of(reader, has_body=False)
        assert (status, int(headers["content-length"]) > 10) == (200, True)
        status, headers, _ = await answer_of(reader)
        assert (status, "content-length" in headers) == (204, False)
        assert (await answer_of(reader))[0] == 200

    run(use)


def test_nobody_is_led_to_another_protocol() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        upgrade = post(b"body", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA")
        for _ in range(2):
            writer.write(upgrade + GET)
            status, _, told = await answer_of(reader)
            assert (status, told["body"]) == (200, "body")
            assert (await answer_of(reader))[2]["method"] == "GET"
        writer.write(5_000 * upgrade + upgrade.replace(b"Upgrade,", b"Upgrade, close,") + GET)
        answered = await reader.read()  # to its end
        assert answered.count(b"HTTP/1.1 200 OK") == 5_001

    run(use)


def test_a_body_may_come_byte_by_byte() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        body = bytes(range(32, 127)) * 8
        reader, writer = await connect()
        sent = post(body)
        for place in range(len(sent)):
            writer.write(sent[place : place + 1])
            await asyncio.sleep(0)
        assert (await answer_of(reader))[2]["body"] == body.decode()
        writer.write(CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        assert (await answer_of(reader))[2]["body"] == body.decode()

    run(use)


CHUNKED = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request", id="tls"),
        pytest.param(b"HELO there\r\n\r\n", 400, "bad_request", id="another-protocol"),
        pytest.param(b"GET / HTTP/1.1\r\nHost x\r\n\r\n", 400, "bad_request", id="a-header-without-colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "bad_request", id="a-space-before-the-colon"),
        pytest.param(b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request", id="no-address"),
        pytest.param(b"GET / HTTP/3.7\r\nHost: x\r\n\r\n", 400, "bad_request", id="a-version-of-the-future"),
        pytest.param(post(b"x", b"Content-Length: 2"), 400, "bad_request", id="two-lengths"),
        pytest.param(post(b"x", b"Transfer-Encoding: chunked"), 400, "bad_request", id="length-and-chunks"),
        pytest.param(
            CHUNKED.replace(b"chunked", b"chunked, x") + b"0\r\n\r\n", 400, "bad_request", id="chunks-not-last"
        ),
        pytest.param(post(b"").replace(b": 0", b": -1"), 400, "bad_request", id="a-negative-length"),
        pytest.param(post(b"", b"X: " + b"x" * 400_000), 431, "headers_too_large", id="a-large-header"),
        pytest.param(post(b"", *300 * [b"X: x"]), 431, "headers_too_large", id="many-headers"),
        pytest.param(b"GET /" + b"x" * 400_000, 431, "headers_too_large", id="an-address-without-end"),
        pytest.param(CHUNKED + b"4\r\nabcd\r\nzz\r\n", 400, "malformed_body", id="a-chunk-of-no-size"),
        pytest.param(CHUNKED + b"4\r\nabcdef\r\n", 400, "malformed_body", id="a-chunk-larger-than-told"),
        pytest.param(CHUNKED + b"4;" + b"x" * 400_000, 400, "malformed_body", id="an-extension-without-end"),
        pytest.param(
            CHUNKED + b"1\r\na\r\n0\r\nX: " + b"x" * 400_000, 400, "malformed_body", id="a-trailer-without-end"
        ),
        pytest.param(CHUNKED + b"1\r\na\r\n0\r\n" + b"X: x\r\n" * 300, 400, "malformed_body", id="many-trailers"),
    ],
)
def test_what_cannot_be_read_is_refused_and_its_connection_closed(sent: bytes, status: int, code: str) -> None:
    async def use(echo: Echo, connect: Connect) -> None:
        answered, headers, problem = await exchange(connect, sent)
        assert (answered, problem["code"], headers["connection"]) == (status, code, "close")
        assert headers["content-type"] == "application/problem+json"
        assert echo.bodies == []
        reader, writer = await connect()
        writer.write(GET + sent)  # what came before it is answered first
        assert (await answer_of(reader))[0] == 200
        assert (await answer_of(reader))[0] == status

    run(use)


@pytest.mark.parametrize("sent", [post(b"x" * 9)[:-4], CHUNKED + b"5\r\nabc"])
def test_a_body_that_breaks_off_is_told_apart_from_a_whole_one(sent: bytes) -> None:
    async def use(echo: Echo, connect: Connect) -> None:
        status, _, problem = await exchange(connect, sent, ends=True)
        assert (status, problem["code"]) == (408, "truncated_body")
        assert echo.bodies == []

    run(use)


def test_who_closes_only_one_half_still_hears_all_answers() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET + post(b"x") + b"POST /half")
        writer.write_eof()
        answered = await reader.read()
        assert answered.count(b"HTTP/1.1 200 OK") == 2

    run(use)


def test_who_is_refused_while_still_sending_hears_it() -> None:
    async def use(_echo: Echo, connect: Connect) -> None:
        status, headers, problem = await exchange(connect, *100 * [b"x" * 10_000])
        assert (status, problem["code"], headers["connection"]) == (400, "bad_request", "close")
        large = b"x" * 12_000_000  # more than is read for politeness
        status, headers, problem = await exchange(connect, post(large))
        assert (status, problem["code"], headers["connection"]) == (413, "batch_too_large", "close")

    run(use)


def test_nobody_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(http_connection, "KEEP_ALIVE_SECONDS", 0.1)
    monkeypatch.setattr(http_connection, "LINGER_SECONDS", 0.1)

    async def use(echo: Echo, connect: Connect) -> None:
        silent, _ = await connect()
        slow, slow_writer = await connect()
        slow_writer.write(b"POST /a HTTP/1.1\r\nHos")
        idle, idle_writer = await connect()
        idle_writer.write(GET)
        await answer_of(idle)
        refused, refused_writer = await connect()
        refused_writer.write(b"HELLO\r\n\r\n")
        await answer_of(refused)
        for reader in (silent, slow, idle, refused):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        await none_of(echo.connections)

    run(use)


def test_who_does_not_read_answers_is_not_read_either_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(http_connection, "KEEP_ALIVE_SECONDS", 0.3)

    async def use(echo: Echo, connect: Connect) -> None:
        echo.answer = b"[" + b"1," * 500_000 + b"1]"
        _reader, writer = await connect()
        cast(asyncio.Transport, writer.transport).pause_reading()
        writer.write(GET * 100)
        while not echo.bodies:
            await asyncio.sleep(0.01)
        await none_of(echo.connections)
        assert len(echo.bodies) < 100, "answers to all requests were kept for somebody who does not read them"

    run(use)


@pytest.mark.parametrize("sent", [post(b"x", b"Connection: close"), post(b"x", version=b"1.0"), post(b"x")])
def test_who_does_not_read_a_last_answer_is_let_go(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(http_server, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(http_connection, "LINGER_SECONDS", 0.2)
    monkeypatch.setattr(http_connection, "KEEP_ALIVE_SECONDS", 0.3)

    async def use(echo: Echo, connect: Connect) -> None:
        echo.answer = b"[" + b"1," * 2_000_000 + b"1]"
        _reader, writer = await connect()
        cast(asyncio.Transport, writer.transport).pause_reading()
        writer.write(sent)
        writer.write_eof()
        while not echo.bodies:
            await asyncio.sleep(0.01)
        await none_of(echo.connections)

    run(use)


def test_requests_that_wait_for_others_are_not_all_read_at_once() -> None:
    async def use(echo: Echo, connect: Connect) -> None:
        echo.hold = asyncio.Event()
        reader, writer = await connect()
        writer.write(GET * 10_000)
        while not echo.bodies:
            await asyncio.sleep(0.01)
        (connection,) = cast(set[http_connection.Connection], echo.connections)
        assert len(connection._waiting) < 500
        echo.hold.set()
        for _ in range(10_000):
            assert (await answer_of(reader))[0] == 200

    run(use)


def test_a_mistake_closes_its_connection_and_no_other() -> None:
    async def use(echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET.replace(b"/a", b"/mistake"))
        with suppress(ConnectionError):
            assert await reader.read() == b""
        await none_of(echo.connections)
        assert (await exchange(connect, GET))[0] == 200
        gc.collect()
        assert [str(mistake["exception"]) for mistake in echo.mistakes] == ["a mistake"]
        echo.mistakes.clear()

    run(use)


def test_a_closed_connection_leaves_nothing() -> None:
    async def use(echo: Echo, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(post(b"x"))
        await answer_of(reader)
        (connection,) = echo.connections
        gone = weakref.ref(connection)
        del connection
        gc.disable()
        try:
            writer.close()
            await none_of(echo.connections)
            await asyncio.sleep(0)
            assert gone() is None, "it waits for a look for cycles"
        finally:
            gc.enable()

    run(use)


def test_what_waits_is_not_begun_when_the_server_stops() -> None:
    async def use(echo: Echo, connect: Connect) -> None:
        echo.answer = b"[" + b"1," * 2_000_000 + b"1]"
        reader, writer = await connect()
        cast(asyncio.Transport, writer.transport).pause_reading()
        writer.write(GET * 5)
        while not echo.bodies:
            await asyncio.sleep(0.01)
        assert echo.server is not None
        stopped = asyncio.create_task(echo.server.stop())
        await asyncio.sleep(0)
        cast(asyncio.Transport, writer.transport).resume_reading()
        assert (await reader.read()).count(b"HTTP/1.1 200 OK") == len(echo.bodies) < 5
        await stopped

    run(use)


def test_who_reads_slowly_gets_all_answers() -> None:
    async def use(echo: Echo, connect: Connect) -> None:
        echo.answer = b"[" + b"1," * 500_000 + b"1]"
        reader, writer = await connect()
        cast(asyncio.Transport, writer.transport).pause_reading()
        writer.write(GET * 50)
        writer.write_eof()
        while not echo.bodies:
            await asyncio.sleep(0.01)
        cast(asyncio.Transport, writer.transport).resume_reading()
        assert (await reader.read()).count(b"HTTP/1.1 200 OK") == 50

    run(use)


def test_one_connection_too_many_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "CONNECTIONS", 2)

    async def use(echo: Echo, connect: Connect) -> None:
        held = [await connect() for _ in range(2)]
        for reader, writer in held:
            writer.write(GET)
            assert (await answer_of(reader))[0] == 200
        reader, _ = await connect()
        status, headers, problem = await answer_of(reader)
        assert (status, problem["code"], headers["retry-after"]) == (503, "overloaded", "1")
        held[0][1].close()  # who was told stays, and is in nobody's way
        while len(echo.connections) > 1:
            await asyncio.sleep(0.01)
        assert (await exchange(connect, GET))[0] == 200

    run(use)


def test_those_who_are_told_are_not_too_many_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "CONNECTIONS", 0)
    monkeypatch.setattr(http_server, "TOLD", 1)

    async def use(_echo: Echo, connect: Connect) -> None:
        told, _ = await connect()
        assert (await answer_of(told))[0] == 503
        reader, _ = await connect()
        with suppress(ConnectionError):
            assert await reader.read() == b""

    run(use)
