"""An answer as it goes over a connection (RFC 9112), for the collector's own server."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from ingestion.collector.core import Answer, Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE = (b"connection", b"close")
_KEEP_ALIVE = (b"connection", b"keep-alive")


def closes(answer: Answer) -> bool:
    """Whether an answer says itself that no further request is read from its connection."""
    return _CLOSE in answer.headers


def encoded(answer: Answer, *, keeps_alive: bool, is_old: bool, is_head: bool) -> bytes:
    """The bytes of an answer to a request of HTTP/1.1, or of HTTP/1.0 (`is_old`); without a body if it was a HEAD."""
    start = _start(answer.status, answer.headers, keeps_alive, is_old)
    date = _date(int(time.time()))
    if answer.status == HTTPStatus.NO_CONTENT:  # it has no body by definition
        return b"%s%s\r\n" % (start, date)
    body = answer.body
    return b"%s%scontent-length: %d\r\n\r\n%s" % (start, date, len(body), b"" if is_head else body)


@lru_cache(maxsize=256)
def _start(status: int, headers: Headers, keeps_alive: bool, is_old: bool) -> bytes:
    """Status line and headers."""
    if not keeps_alive:
        headers = (*(header for header in headers if header != _CLOSE), _CLOSE)
    elif is_old:  # which closes unless it is told otherwise
        headers = (*headers, _KEEP_ALIVE)
    lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
    lines += [b"%s: %s" % header for header in headers]
    return b"".join(b"%s\r\n" % line for line in lines)


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return b"date: %s\r\n" % formatdate(second, usegmt=True).encode()
