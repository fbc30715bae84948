"""What is answered to a request that fails: RFC 9457 problem+json, with the `code` and `message` that SDKs look for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import msgspec

RETRY_SECONDS = 5


@dataclass(eq=False)
class Problem(Exception):
    """A request that cannot be accepted: HTTP status, stable code, and words that say what, where, what to do.

    `extra` is added to the answer, `headers` to its headers. `excerpt` is what of the body may be kept with the
    refusal (no credentials); `kept` says that the events went into the log all the same and are counted there.
    """

    status: int
    code: str
    message: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[bytes, bytes], ...] = ()
    excerpt: bytes = b""
    kept: bool = False
    request_id: str = field(default_factory=lambda: uuid4().hex)

    def body(self) -> bytes:
        """The answer's JSON."""
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            "message": self.message,
            "request_id": self.request_id,
            **self.extra,
        }
        return msgspec.json.encode(document)


def unavailable(code: str, message: str, seconds: int = RETRY_SECONDS) -> Problem:
    """503: nothing is wrong with the request; send it again after `seconds`."""
    return Problem(503, code, message, headers=((b"retry-after", str(seconds).encode()),))


def too_large(code: str, message: str, limit: int) -> Problem:
    """413, with the limit in bytes."""
    return Problem(413, code, message, extra={"limit": limit})
