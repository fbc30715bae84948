"""What may stand before a request's body, for the collector's own server."""

from functools import lru_cache
from urllib.parse import unquote

import httptools

from ingestion.collector.problems import Problem

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 256
SHORT = 256  # bytes of an address that is remembered


class HeadTooLargeError(Exception):
    """Raised while a head is read; the parser wraps it."""


def problem_of(error: httptools.HttpParserError) -> Problem:
    """What is answered to what cannot be read."""
    return head_too_large() if isinstance(error.__context__, HeadTooLargeError) else bad_request()


def bad_request() -> Problem:
    """400: it breaks the rules of HTTP."""
    return Problem(400, "bad_request", "This is not a request of HTTP/1.1.")


def head_too_large() -> Problem:
    """431: more than anybody needs."""
    message = f"Address and headers of a request may have {MAX_HEAD_BYTES:,} bytes and {MAX_HEADERS} headers."
    return Problem(431, "headers_too_large", message)


def without_upgrade(method: str, url: bytes, version: bytes, headers: dict[bytes, bytes]) -> bytes:
    """The head of a request as it would be if its client had not asked for another protocol."""
    lines = [b"%s: %s" % header for header in headers.items() if header[0] != b"upgrade"]
    return b"\r\n".join([b"%s %s HTTP/%s" % (method.encode(), url, version), *lines, b"", b""])


@lru_cache(maxsize=64)
def method(name: bytes) -> str:
    """A method's name."""
    return name.decode("latin-1")


def target(url: bytes) -> tuple[str, bytes]:
    """Path and query of what a request asks for. Raises httptools' HttpParserInvalidURLError if it is no address."""
    return _short_target(url) if len(url) <= SHORT else _target(url)


@lru_cache(maxsize=512)
def _short_target(url: bytes) -> tuple[str, bytes]:
    return _target(url)


def _target(url: bytes) -> tuple[str, bytes]:
    if url.startswith(b"/"):
        path, _, query = url.partition(b"#")[0].partition(b"?")
    else:
        parsed = httptools.parse_url(url)
        path, query = parsed.path or b"/", parsed.query or b""
    return unquote(path.decode("latin-1")), query
