"""The ASGI application: the way of a request from its address to the log."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from almanac.state import WriteKey
from ingestion.collector import records
from ingestion.collector.answers import answer
from ingestion.collector.auth import KeyRing, key_in, missing_key
from ingestion.collector.dialects import Document, Match, Request, Route, match, methods_at
from ingestion.collector.door import Door
from ingestion.collector.limits import ClientGone, Receive, inflate, read_body
from ingestion.collector.problems import Problem
from ingestion.collector.refusals import Refusals
from ingestion.collector.wal import Wal

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

# Write keys are public and nothing can be read with them, so any page may send.
_CORS = ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after"))
_PREFLIGHT: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, *"),
    (b"access-control-max-age", b"86400"),
]
_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")
_KEY_PARAMETERS = ("writeKey", "write_key", "api_key")

_log = logging.getLogger("almanac.collector")


@dataclass
class _Attempt:
    """What is known of a request so far, in case it is refused."""

    path: str
    key: WriteKey | None = None
    size: int = 0


class Collector:
    """Accepts events over HTTP. `start` and `stop` are called at the begin and end of the server's life."""

    def __init__(
        self,
        *,
        door: Door,
        keys: KeyRing,
        wal: Wal,
        refusals: Refusals,
        status: Callable[[], dict[str, object]],
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        self._door = door
        self._keys = keys
        self._wal = wal
        self._refusals = refusals
        self._status = status
        self._start = start
        self._stop = stop

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"].rstrip("/")
        found = match(path)
        if found is None:
            await self._other(scope, path, send)
            return
        method = scope["method"]
        route = found.routes.get(method)
        if route is not None:
            await self._answer(route, found, _Attempt(path), scope, receive, send)
        elif method == "OPTIONS":
            await _respond(send, 204, [*_PREFLIGHT, (b"access-control-allow-methods", methods_at(found).encode())])
        else:
            message = f"{path} takes {' or '.join(sorted(found.routes))}, not {method[:20]}."
            allow = (b"allow", methods_at(found).encode())
            await _respond_problem(send, Problem(405, "method_not_allowed", message, headers=(allow,)))

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(
        self, route: Route, found: Match, attempt: _Attempt, scope: Message, receive: Receive, send: Send
    ) -> None:
        try:
            body = await self._accept(route, found, attempt, scope, receive)
        except Problem as problem:
            if not problem.kept:
                self._refusals.note(problem, attempt.path, attempt.key, attempt.size)
            await _respond_problem(send, problem)
        except ClientGone:
            gone = Problem(400, "truncated_body", "The client closed the connection before its body was complete.")
            self._refusals.note(gone, attempt.path, attempt.key, attempt.size)
        except Exception:
            _log.exception("a request to %s failed because of a mistake in this program", attempt.path)
            await _respond_problem(send, Problem(500, "internal_error", "The collector made a mistake. Send it again."))
        else:
            await _respond(send, 200, [_JSON, *_CORS], body)

    async def _accept(self, route: Route, found: Match, attempt: _Attempt, scope: Message, receive: Receive) -> bytes:
        """The answer, given only when the events are on the disk. Raises Problem or ClientGone."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        query: bytes = scope["query_string"]
        if route.takes_events:
            self._refuse_in_trouble()
            if query:
                _refuse_key_in_url(query)
        token = key_in(headers)
        if token is not None:
            attempt.key = await self._keys.find(token)
        body = await read_body(receive)
        attempt.size = len(body)
        received_at = datetime.now(UTC)
        body = inflate(body, headers.get(b"content-encoding", b"").strip().lower())
        read = route.reader(Request(scope["method"], attempt.path, body, headers, found.parameters, query))
        if attempt.key is None and read.write_key is not None:
            attempt.key = await self._keys.find(read.write_key)
        if isinstance(read, Document):
            return read.body
        key = attempt.key
        if key is None:
            raise missing_key()
        verdicts = self._door.judge(read, key.tenant, key.source, received_at)
        record = records.encode(key.tenant, key.source, received_at, len(read.items), verdicts)
        await self._wal.append(record)
        return answer(verdicts, read.is_batch)

    def _refuse_in_trouble(self) -> None:
        trouble = self._wal.trouble
        if trouble is not None:
            raise trouble.problem()

    async def _other(self, scope: Message, path: str, send: Send) -> None:
        if path == "/health/live":
            await _respond(send, 200, [_JSON], b'{"status":"alive"}')
        elif path == "/health/ready":
            await self._ready(send)
        else:
            message = (
                "There is nothing at this address. Events go to POST /v1/batch, /v1/track or /api/analytics/track."
            )
            await _respond_problem(send, Problem(404, "not_found", message))

    async def _ready(self, send: Send) -> None:
        trouble = self._wal.trouble
        document: dict[str, object] = {"keys_age_seconds": round(self._keys.age, 1), **self._status()}
        if trouble is None:
            await _respond(send, 200, [_JSON], msgspec.json.encode({"status": "ready", **document}))
            return
        problem = trouble.problem()
        problem.extra = document
        await _respond_problem(send, problem)


def _refuse_key_in_url(query: bytes) -> None:
    names = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    if any(name in names for name in _KEY_PARAMETERS):
        message = "Addresses end up in logs: send the write key in the Authorization header or as writeKey in the body."
        raise Problem(400, "key_in_url", message)


async def _respond_problem(send: Send, problem: Problem) -> None:
    await _respond(send, problem.status, [_PROBLEM, *_CORS, *problem.headers], problem.body())


async def _respond(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    length = [(b"content-length", str(len(body)).encode())] if body else []
    # A client may be gone by now; what it sent is safe all the same.
    with suppress(OSError, RuntimeError):
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
        await send({"type": "http.response.body", "body": body})
