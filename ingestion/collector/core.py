"""The way of a request from its address to the log, whatever server it came through (`asgi`, `rsgi`)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from traceback import format_tb
from urllib.parse import parse_qs

import msgspec

from almanac.state import WriteKey
from ingestion.collector import records
from ingestion.collector.answers import answer
from ingestion.collector.auth import KeyRing, missing_key
from ingestion.collector.dialects import Document, Match, Request, Route, Unread, match, methods_at
from ingestion.collector.judging import Judge, read_quickly
from ingestion.collector.limits import MAX_BODY_BYTES, Body, drain, inflate, read_body
from ingestion.collector.metrics import CONTENT_TYPE, Metrics
from ingestion.collector.problems import Problem
from ingestion.collector.rate_limits import RateLimits
from ingestion.collector.refusals import Refusals
from ingestion.collector.wal import DRAINING, Trouble, Wal

Headers = tuple[tuple[bytes, bytes], ...]

# Write keys are public and nothing can be read with them, so any page may send.
_EXPOSED = b"retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset"
_CORS = ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED))
_PREFLIGHT: Headers = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, *"),
    (b"access-control-max-age", b"86400"),
)
_JSON: Headers = ((b"content-type", b"application/json"),)
_SUCCESS: Headers = (*_JSON, *_CORS)
_PROBLEM: Headers = ((b"content-type", b"application/problem+json"), *_CORS)
_KEY_PARAMETERS = ("writeKey", "write_key", "api_key")

_log = logging.getLogger("almanac.collector")


class Head(msgspec.Struct, frozen=True, gc=False):
    """What comes before a request's body; header names are in lower case. `peer` is the address that it came from."""

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    peer: str | None = None


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What is answered. `headers` are without content-length, which every server adds by itself."""

    status: int
    headers: Headers
    body: bytes = b""


class _Attempt(msgspec.Struct):
    """What is known of a request so far, in case it is refused."""

    path: str
    key: WriteKey | None = None
    size: int = 0
    is_read: bool = False


class Collector:
    """Answers requests, and knows how many it has not answered yet."""

    def __init__(
        self,
        *,
        judge: Judge,
        keys: KeyRing,
        wal: Wal,
        refusals: Refusals,
        status: Callable[[], dict[str, object]],
        metrics: Metrics,
        collectors: int = 1,
    ) -> None:
        """`collectors` is how many take events for one lake, this one included."""
        self._judge = judge
        self._keys = keys
        self._wal = wal
        self._refusals = refusals
        self._rates = RateLimits(collectors=collectors)
        self._status = status
        self._metrics = metrics
        self._in_flight = 0
        self._is_draining = False
        self._idle = asyncio.Event()

    async def handle(self, head: Head, body: Body) -> Answer:
        """The answer to a request. Never raises."""
        self._in_flight += 1
        try:
            path = head.path
            if path.endswith("/"):
                path = path.rstrip("/")
            found = match(path)
            name = "other" if found is None else _route_name(path, found)
            try:
                answer = await self._answer(found, path, head, body)
            except Exception as error:
                # Without the error's own words: they may quote what was sent.
                kind, place = type(error).__name__, "".join(format_tb(error.__traceback__))
                _log.error("a request to %s failed because of a mistake in this program: %s\n%s", name, kind, place)
                answer = problem_answer(Problem(500, "internal_error", "The collector made a mistake. Send it again."))
            self._metrics.requests[name, answer.status] += 1
            return answer
        finally:
            self._in_flight -= 1
            if self._is_draining and not self._in_flight:
                self._idle.set()

    def judge_by(self, judge: Judge) -> None:
        """Let another judge decide from the next request on; from any thread, for no request sees both."""
        self._judge = judge

    async def drain(self, seconds: float) -> None:
        """Accept no more events from now on; return when all earlier requests are answered, or after `seconds`."""
        self._is_draining = True
        if self._in_flight:
            try:
                await asyncio.wait_for(self._idle.wait(), seconds)
            except TimeoutError:
                _log.warning("%d requests were not complete after %.0f s", self._in_flight, seconds)

    async def _answer(self, found: Match | None, path: str, head: Head, body: Body) -> Answer:
        route = None if found is None else found.routes.get(head.method)
        if route is not None and found is not None:
            return await self._collect(route, found, _Attempt(path), head, body)
        await drain(body, head.headers)
        return self._other(path) if found is None else _other_method(path, found, head.method)

    async def _collect(self, route: Route, found: Match, attempt: _Attempt, head: Head, body: Body) -> Answer:
        try:
            return Answer(200, _SUCCESS, await self._accept(route, found, attempt, head, body))
        except Problem as problem:
            if not attempt.is_read:
                await drain(body, head.headers)
            if not problem.kept:
                self._refuse(problem, attempt)
            return problem_answer(problem)

    async def _accept(self, route: Route, found: Match, attempt: _Attempt, head: Head, body: Body) -> bytes:
        """The answer, given only when the events are on the disk. Raises Problem."""
        headers = head.headers
        if route.takes_events:
            self._refuse_in_trouble()
            if head.query:
                _refuse_key_in_url(head.query)
        key = self._keys.remembered(headers.get(b"authorization")) or await self._keys.find_in(headers)
        self._admit(key, route, attempt)
        limit = _body_limit(key)
        attempt.is_read = True
        data = await read_body(body, headers.get(b"content-length"), limit)
        attempt.size = len(data)
        received_at = datetime.now(UTC)
        encoding = headers.get(b"content-encoding")
        if encoding:
            data = inflate(data, encoding.strip().lower(), limit)
        request = Request(head.method, attempt.path, data, headers, found.parameters, head.query)
        unread = read_quickly(route, request, key is not None)
        read = route.reader(request) if unread is None else unread
        if key is None and read.write_key is not None:
            key = await self._keys.find(read.write_key)
            self._admit(key, route, attempt)
        if isinstance(read, Document):
            return read.body
        if key is None:
            raise missing_key()
        self._rates.spend(key, read.count)
        judge = self._judge  # looked at once: it may be another one at any moment
        verdicts = None if unread is None else judge.judge_unread(unread, key, received_at, headers, head.peer)
        if verdicts is None:
            read = route.reader(request) if isinstance(read, Unread) else read
            if isinstance(read, Document):
                return read.body
            verdicts = judge.judge(read, key, received_at, headers, head.peer)
        record = records.encode(key.tenant, key.source, received_at, read.count, verdicts, judge.settled_by)
        await self._wal.enter(record)
        self._metrics.judged(verdicts)
        return answer(verdicts, read.is_batch)

    def _admit(self, key: WriteKey | None, route: Route, attempt: _Attempt) -> None:
        """Note whose request it is. Raises Problem (429) if the key may send no events now."""
        attempt.key = key
        if key is not None and route.takes_events:
            self._rates.check(key)

    def _refuse(self, problem: Problem, attempt: _Attempt) -> None:
        self._metrics.refused_requests[problem.code] += 1
        self._refusals.note(problem, attempt.path, attempt.key, attempt.size)

    def _refuse_in_trouble(self) -> None:
        trouble = self._trouble
        if trouble is not None:
            raise trouble.problem()

    def _other(self, path: str) -> Answer:
        if path == "/health/live":
            return Answer(200, _JSON, b'{"status":"alive"}')
        if path == "/health/ready":
            return self._ready()
        if path == "/metrics":
            return self._counts()
        message = "There is nothing at this address. Events go to POST /v1/batch, /v1/track or /api/analytics/track."
        return problem_answer(Problem(404, "not_found", message))

    @property
    def trouble_code(self) -> str:
        """Why nothing is taken at the moment; empty if events are."""
        trouble = self._trouble
        return "" if trouble is None else trouble.code

    @property
    def _trouble(self) -> Trouble | None:
        return DRAINING if self._is_draining else self._wal.trouble

    def _counts(self) -> Answer:
        trouble = self._trouble
        code = None if trouble is None else trouble.code
        text = self._metrics.text(self._status(), self._keys.age, code, self._in_flight)
        return Answer(200, ((b"content-type", CONTENT_TYPE.encode()),), text)

    def _ready(self) -> Answer:
        trouble = self._trouble
        document: dict[str, object] = {"keys_age_seconds": round(self._keys.age, 1), **self._status()}
        if trouble is None:
            return Answer(200, _JSON, msgspec.json.encode({"status": "ready", **document}))
        problem = trouble.problem()
        problem.extra = document
        return problem_answer(problem)


def _body_limit(key: WriteKey | None) -> int:
    """How large a body may be. A key that stands in the body itself comes too late to allow more."""
    return MAX_BODY_BYTES if key is None or key.body_bytes is None else key.body_bytes


def _other_method(path: str, found: Match, method: str) -> Answer:
    """The answer to a request with a method that its address does not take: what it takes."""
    allowed = methods_at(found).encode()
    if method == "OPTIONS":
        return Answer(204, (*_PREFLIGHT, (b"access-control-allow-methods", allowed)))
    message = f"{path} takes {' or '.join(sorted(found.routes))}, not {method[:20]}."
    return problem_answer(Problem(405, "method_not_allowed", message, headers=((b"allow", allowed),)))


def _route_name(path: str, found: Match) -> str:
    """The address as it is declared: what stands in its named parts may be a key."""
    values = {value: f"{{{name}}}" for name, value in found.parameters.items()}
    return "/".join(values.get(part, part) for part in path.split("/")) if values else path


def _refuse_key_in_url(query: bytes) -> None:
    try:
        names = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Problem(400, "too_many_parameters", "The address has more than 100 parameters.") from None
    if any(name in names for name in _KEY_PARAMETERS):
        message = "Addresses end up in logs: send the write key in the Authorization header or as writeKey in the body."
        raise Problem(400, "key_in_url", message)


def problem_answer(problem: Problem) -> Answer:
    """What is answered to a request that fails."""
    return Answer(problem.status, (*_PROBLEM, *problem.headers), problem.body())
