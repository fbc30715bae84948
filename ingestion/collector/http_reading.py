"""From the bytes that a client sends to its requests: HTTP/1.1 as llhttp (httptools) reads it."""

from collections import deque
from collections.abc import Callable

import httptools

from ingestion.collector.core import Answer, Head, problem_answer
from ingestion.collector.http_body import ReceivedBody
from ingestion.collector.http_heads import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    HeadTooLargeError,
    head_too_large,
    method,
    problem_of,
    target,
    without_upgrade,
)
from ingestion.collector.limits import ClientGone, MalformedBody
from ingestion.collector.problems import Problem


class Exchange:
    """A request and, if nobody has to be asked for it, its answer."""

    __slots__ = ("answer", "body", "head", "is_old", "keeps_alive")

    def __init__(
        self,
        head: Head,
        body: ReceivedBody,
        *,
        keeps_alive: bool = False,
        is_old: bool = False,
        answer: Answer | None = None,
    ) -> None:
        """`keeps_alive`: whether the client may send another one; `is_old`: whether it speaks HTTP/1.0."""
        self.head = head
        self.body = body
        self.keeps_alive = keeps_alive
        self.is_old = is_old
        self.answer = answer


def refusal(problem: Problem) -> Exchange:
    """Stands for what cannot be read, or will not be. Its body is never complete: what it would be is being sent."""
    return Exchange(Head("", "", b"", {}), ReceivedBody(None, _nothing), answer=problem_answer(problem))


class RequestReader:
    """Reads the requests of one connection. What has no docstring of its own is called by the parser."""

    def __init__(
        self, into: deque[Exchange], peer: str | None, *, on_wait: Callable[[], None], on_read: Callable[[], None]
    ) -> None:
        """Requests go `into` a queue when their heads are complete.

        `on_wait` is called when somebody waits for a body whose client asked whether to send it, `on_read` when
        somebody has read a part of a body.
        """
        self.is_done = False  # nothing more is read
        self._into = into
        self._peer = peer
        self._on_wait = on_wait
        self._on_read = on_read
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_count = self._head_bytes = 0
        self._unused_bytes = 0  # that came since a part of a body did, or since a head was complete
        self._arriving: Exchange | None = None  # its body is not complete

    @property
    def is_full(self) -> bool:
        """Whether what came of a body should be read before there is more."""
        return self._arriving is not None and self._arriving.body.is_full

    def feed(self, data: bytes | memoryview) -> None:
        """Read what came. What cannot be read becomes a refused request, or ends the one whose body it is."""
        if self.is_done:
            return
        self._unused_bytes += len(data)
        self._parse(data)
        if self._unused_bytes > MAX_HEAD_BYTES and not self.is_done:
            self._give_up(head_too_large())

    def break_off(self, failure: ClientGone | MalformedBody) -> None:
        """Nothing more will come, or can be read; whoever reads a body that is not complete gets the failure."""
        self.is_done = True
        if self._arriving is not None:
            self._arriving.body.fail(failure)
            self._arriving = None

    def end(self) -> None:
        """Its connection is closed; let go of what refers to it and to each other."""
        self.break_off(ClientGone())
        del self._parser
        self._on_wait = self._on_read = _nothing

    def on_message_begin(self) -> None:  # noqa: D102
        self._url = b""
        self._headers = {}
        self._header_count = self._head_bytes = 0

    def on_url(self, part: bytes) -> None:  # noqa: D102
        self._url += part
        self._head_bytes += len(part)

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        self._header_count += 1
        self._head_bytes += len(name) + len(value)
        if self._header_count > MAX_HEADERS or self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLargeError
        if self._arriving is not None:
            return  # it stands behind the body, where nobody looks for anything
        name = name.lower()
        headers = self._headers
        # One that comes twice is one with both values (RFC 9110, 5.3).
        headers[name] = b"%s, %s" % (headers[name], value) if name in headers else value

    def on_headers_complete(self) -> None:  # noqa: D102
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLargeError
        self._unused_bytes = 0
        headers, parser = self._headers, self._parser
        is_old = parser.get_http_version() == "1.0"
        if is_old and b"transfer-encoding" in headers:
            raise ValueError("HTTP/1.0 has no chunks, so where the body ends is anybody's guess (RFC 9112, 6.1)")
        path, query = target(self._url)
        head = Head(method(parser.get_method()), path, query, headers, self._peer)
        body = ReceivedBody(self._on_wait if b"expect" in headers and not is_old else None, self._on_read)
        self._arriving = Exchange(head, body, keeps_alive=parser.should_keep_alive(), is_old=is_old)
        self._into.append(self._arriving)

    def on_body(self, part: bytes) -> None:  # noqa: D102
        self._unused_bytes = 0
        if self._arriving is not None:
            self._arriving.body.feed(part)

    def on_message_complete(self) -> None:  # noqa: D102
        exchange = self._arriving
        if exchange is not None:
            # Asked again: what stands behind the body may say that the connection closes.
            exchange.keeps_alive = exchange.keeps_alive and self._parser.should_keep_alive()
            self.is_done = not exchange.keeps_alive
            exchange.body.finish()
            self._arriving = None

    def _parse(self, rest: bytes | memoryview) -> None:
        try:
            while rest:
                try:
                    self._parser.feed_data(rest)
                    return
                except httptools.HttpParserUpgrade as upgrade:
                    rest = memoryview(rest)[upgrade.args[0] :]
                    self._stay_with_http()
        except httptools.HttpParserError as error:
            if not self.is_done:  # behind the last request there is none
                self._give_up(problem_of(error))

    def _stay_with_http(self) -> None:
        """Read the head of a request that asks for another protocol as if it did not.

        The server need not follow (RFC 9110, 7.8), but the parser takes such a request to have no body.
        Raises httptools' HttpParserError for one that asks for a tunnel.
        """
        asked = self._into.pop()
        self._parser = httptools.HttpRequestParser(self)
        self.is_done = False
        if asked.head.method == "CONNECT":
            raise httptools.HttpParserError("there is no tunnel")
        version, connection = (b"1.0", b"keep-alive") if asked.is_old else (b"1.1", b"")
        connection = connection if asked.keeps_alive else b"close"
        self._parser.feed_data(
            without_upgrade(asked.head.method, self._url, version, {**self._headers, b"connection": connection})
        )

    def _give_up(self, problem: Problem) -> None:
        if self._arriving is None:
            self._into.append(refusal(problem))
        self.break_off(MalformedBody())


def _nothing() -> None:
    """Done instead of what is done while a connection is open."""
