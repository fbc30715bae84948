"""Request tracking for a FastAPI or Starlette application: copy this one file; it needs the standard library only.

    from almanac_middleware import RequestTracking

    app.add_middleware(RequestTracking, url="http://collector:8088", write_key="...", service="booking-api")

Each answered HTTP request becomes one event `api_request`: route template (never the address), method, status, latency,
user, tenant. Events wait in a bounded queue and a thread of its own sends them. If the collector is slow or down the
application does not notice: sending backs off, and what no longer fits into the queue is dropped and counted (`stats`).

Who asked is what the application says: `request.state.user_id` and `request.state.tenant_id`, else the user of
Starlette's AuthenticationMiddleware, or functions of your own (`user=`, `account=`, each given the ASGI scope). A
visitor without a user is known by the cookie `ajs_anonymous_id`, which Segment's browser library sets.
"""

import asyncio
import atexit
import json
import logging
import os
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from base64 import b64encode
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Who = Callable[[Scope], str | None]

UNMATCHED = "unmatched"
CLIENT_LEFT = 499  # as nginx writes it: nobody waited for the answer
_log = logging.getLogger("almanac.middleware")
_RETRIED = frozenset({408, 425, 429})  # beside every 5xx


@dataclass(frozen=True)
class Stats:
    """What became of the requests seen so far; `failed` were those that tracking itself could not describe."""

    sent: int
    waiting: int
    dropped: int
    refused: int
    failed: int


class RequestTracking:
    """ASGI middleware. Without `url` or `write_key` it only passes requests on."""

    def __init__(
        self,
        app: App,
        *,
        url: str,
        write_key: str,
        service: str = "",
        user: Who | None = None,
        account: Who | None = None,
        skip: Iterable[str] = ("/health", "/health/live", "/health/ready", "/metrics"),
        capacity: int = 10_000,
        batch_size: int = 100,
        flush_seconds: float = 1.0,
        timeout_seconds: float = 5.0,
        longest_pause_seconds: float = 60.0,
    ) -> None:
        """`skip` are paths that are not tracked; `capacity` is how many events may wait before new ones are dropped.

        Raises ValueError for a `url` that is no address: no later try could reach it.
        """
        self.app = app
        self._service = service
        self._user, self._account = user or _user_id, account or _account_id
        self._skip = frozenset(skip)
        self._sender = _Sender(
            url, write_key, capacity, batch_size, flush_seconds, timeout_seconds, longest_pause_seconds
        )
        if url and not _is_address(url):
            shown = ascii(url.rpartition("@")[2][:60])  # without a password
            todo = "write http:// or https:// and the collector's host, such as 'http://collector:8088'"
            raise ValueError(f"RequestTracking: url: {shown} is no address: {todo}")
        self._is_on = bool(url and write_key)
        if not self._is_on:
            _log.warning("requests are not tracked: give RequestTracking a url and a write_key")

    @property
    def stats(self) -> Stats:
        """Counts since the process began."""
        return self._sender.stats()

    def close(self, seconds: float = 2.0) -> None:
        """Send what waits, for at most `seconds`; also done when the process ends."""
        self._sender.close(seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it was answered."""
        if scope["type"] != "http" or not self._is_on or scope["path"] in self._skip:
            await self.app(scope, receive, send)
            return
        started, root = time.perf_counter(), scope.get("root_path", "")
        path = scope["path"]
        status, ended = 500, 0.0  # what fails before it answers is answered with 500 further out

        async def watched(message: Message) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended = time.perf_counter()

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:
            status = status if ended else CLIENT_LEFT
            raise
        finally:
            latency = (ended or time.perf_counter()) - started
            try:
                self._sender.add(self._event(scope, path, root, status, latency))
            except Exception:  # tracking must never break a request
                self._sender.failed += 1

    def _event(self, scope: Scope, path: str, root: str, status: int, latency: float) -> dict[str, Any]:
        user = self._user(scope)
        mounted = scope.get("root_path", "").removeprefix(root)
        event: dict[str, Any] = {
            "type": "track",
            "event": "api_request",
            "messageId": str(uuid.uuid4()),
            "timestamp": datetime.now(UTC).isoformat(),
            "properties": {
                "route": route_template(scope, path.removeprefix(root), mounted),
                "http_method": scope["method"],
                "status_code": status,
                "latency_ms": round(latency * 1000, 3),
            },
        }
        if account := self._account(scope):
            event["properties"]["account_id"] = str(account)
        if self._service:
            event["properties"]["service"] = self._service
        if user:
            event["userId"] = str(user)
        else:
            event["anonymousId"] = _visitor(scope) or f"service-{self._service or 'unnamed'}"
        return event


def _is_address(url: str) -> bool:
    """Whether this is http:// or https://, a host, perhaps a port and a path, and nothing else."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url
    has_more = parts.query or parts.fragment or "@" in parts.netloc
    return bool(is_plain and parts.scheme in ("http", "https") and parts.hostname and port != 0 and not has_more)


def route_template(scope: Scope, path: str, mounted: str = "") -> str:
    """The template of the route that answered `path`, such as `/bookings/{booking_id}`; prefixes and mounts included.

    `mounted` is the beginning of `path` at which another application is mounted.
    """
    if "endpoint" not in scope:
        return UNMATCHED
    values = {name: str(value) for name, value in (scope.get("path_params") or {}).items()}
    route = scope.get("route")
    template = getattr(route, "path_format", None) or getattr(route, "path", "") or ""
    if mounted and (route is None or hasattr(route, "routes")):
        return _named(mounted, values) + "/*"  # an application below, of which no route answered or that has none
    own = [part for part in template.split("/") if part]
    covered = sum(values.get(part[1:-1], "").count("/") + 1 if _is_param(part) else 1 for part in own)
    parts = [part for part in path.split("/") if part]
    before = _named("/" + "/".join(parts[: len(parts) - covered]), values) if covered < len(parts) else ""
    return f"{before.rstrip('/')}/{'/'.join(own)}" if own else before or "/"


def _is_param(part: str) -> bool:
    return part.startswith("{") and part.endswith("}")


def _named(path: str, values: dict[str, str]) -> str:
    """A path with the values of parameters replaced by their names."""
    names = {value: f"{{{name}}}" for name, value in values.items()}
    return "/".join(names.get(part, part) for part in path.split("/"))


def _user_id(scope: Scope) -> str | None:
    found = (scope.get("state") or {}).get("user_id")
    if found is None:
        user = scope.get("user")
        if user is not None and getattr(user, "is_authenticated", False):
            try:
                found = user.identity
            except NotImplementedError:
                found = getattr(user, "username", None)
    return None if found is None else str(found)


def _account_id(scope: Scope) -> str | None:
    found = (scope.get("state") or {}).get("tenant_id")
    return None if found is None else str(found)


def _visitor(scope: Scope) -> str | None:
    for name, value in scope.get("headers") or ():
        if name == b"cookie" and b"ajs_anonymous_id=" in value:
            text = value.split(b"ajs_anonymous_id=", 1)[1].split(b";", 1)[0].decode("latin-1").strip()
            return urllib.parse.unquote(text).strip('"') or None
    return None


@dataclass
class _Sender:
    """The bounded queue and the thread that empties it."""

    url: str
    write_key: str
    capacity: int
    batch_size: int
    flush_seconds: float
    timeout_seconds: float
    longest_pause_seconds: float
    sent: int = 0
    dropped: int = 0
    refused: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        self._authorization = "Basic " + b64encode(f"{self.write_key}:".encode()).decode()
        self._queue: deque[dict[str, Any]] = deque()
        self._is_due, self._is_closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._starting = threading.Lock()
        self._sending = 0

    def stats(self) -> Stats:
        return Stats(self.sent, len(self._queue) + self._sending, self.dropped, self.refused, self.failed)

    def add(self, event: dict[str, Any]) -> None:
        """Queue an event, or count it as dropped. Never waits for the collector."""
        if self._process != os.getpid():
            self._start()
        if len(self._queue) >= self.capacity:
            self.dropped += 1
            return
        self._queue.append(event)
        if len(self._queue) >= self.batch_size:
            self._is_due.set()

    def _start(self) -> None:
        """A thread for this process: one that forked from another has inherited its queue, but no thread."""
        with self._starting:
            if self._process == os.getpid():
                return
            self._queue.clear()
            self._is_due, self._is_closing = threading.Event(), threading.Event()
            self._thread = threading.Thread(target=self._run, name="almanac-request-tracking", daemon=True)
            self._thread.start()
            self._process = os.getpid()
            atexit.register(self.close)

    def close(self, seconds: float = 2.0) -> None:
        """Send what waits and end the thread, within `seconds`."""
        if self._thread is None or self._process != os.getpid():
            return
        self._is_closing.set()
        self._is_due.set()
        self._thread.join(seconds)
        lost = self.dropped + len(self._queue) + self._sending
        if lost:
            _log.warning("%d events in all were dropped or could not be sent before the end", lost)

    def _run(self) -> None:
        while True:
            self._is_due.wait(self.flush_seconds)
            self._is_due.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(self.batch_size, len(self._queue)))]
                self._sending = len(batch)
                self._deliver(batch)
                self._sending = 0
            if self._is_closing.is_set():
                return

    def _deliver(self, batch: list[dict[str, Any]]) -> None:
        """Send a batch until it is answered for good; while the collector is away the queue fills, then drops."""
        pause = 0.5
        while True:
            problem, retry_after = self._post(batch)
            if problem is None:
                return
            if self._is_closing.is_set():
                self.dropped += len(batch)
                return
            pause = min(self.longest_pause_seconds, max(pause * 2, retry_after))
            _log.warning("%s; trying again in %.0f s, %d dropped so far", problem, pause, self.dropped)
            self._is_closing.wait(pause * random.uniform(0.7, 1.0))

    def _post(self, batch: list[dict[str, Any]]) -> tuple[str | None, float]:
        """None once the batch needs no further try, else what went wrong and the pause that was asked for (seconds)."""
        body = {"batch": batch, "sentAt": datetime.now(UTC).isoformat(), "context": {"library": _LIBRARY}}
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url.rstrip('/')}/v1/batch", json.dumps(body).encode(), headers)
        try:
            with _OPENER.open(request, timeout=self.timeout_seconds) as answer:
                self._count(len(batch), answer.read(_LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            said = _message(error)
            if error.code >= 500 or error.code in _RETRIED:
                given = error.headers.get("Retry-After", "")
                return f"the collector answers {error.code}", float(given) if given.isdigit() else 0.0
            self.refused += len(batch)
            _log.error("the collector refused %d events with status %d: %s", len(batch), error.code, said)
            return None, 0.0
        except Exception as error:  # whatever the network does, the thread must live
            return f"the collector at {self.url} cannot be reached ({error})", 0.0
        return None, 0.0

    def _count(self, count: int, answer: bytes) -> None:
        """Count what was accepted of a batch, and say why if something was not."""
        try:
            told = json.loads(answer)
            refused, errors = int(told["rejected"]), told.get("errors") or [{}]
            why = str(errors[0].get("message", "it did not say why"))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            refused, why = 0, ""  # something that answers 200 and is no collector, or an answer too long to read
        self.refused += refused
        self.sent += count - refused
        if refused:
            _log.error("the collector refused %d of %d events: %s", refused, count, why)


def _message(error: urllib.error.HTTPError) -> str:
    """What the collector says of a request that it refused."""
    with error:
        try:
            return str(json.loads(error.read(_LONGEST_ANSWER))["message"])
        except (OSError, ValueError, KeyError, TypeError):
            return "its answer does not say why; is this the collector's address?"


_LONGEST_ANSWER = 1_000_000
_LIBRARY = {"name": "almanac-middleware", "version": "1"}
_OPENER = urllib.request.build_opener()
