"""Request tracking: real FastAPI and Starlette applications, the real collector, and collectors that misbehave."""

import ast
import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from ingestion import middleware
from ingestion.middleware import RequestTracking
from tests.integration.collector_process import eventually, lake_rows, new_key, running

QUICK = {"flush_seconds": 0.05, "longest_pause_seconds": 0.2, "timeout_seconds": 0.5}


def application() -> FastAPI:
    """Routes of every kind: a prefix, a mount with a parameter, a path parameter, failures, a stream."""
    app = FastAPI()
    router = APIRouter(prefix="/bookings")

    @router.get("/{booking_id}/lines/{line}")
    async def line(booking_id: str, line: int, request: Request) -> dict[str, Any]:
        request.state.user_id, request.state.tenant_id = "ann", 7
        return {"line": line}

    @app.get("/files/{name:path}")
    async def file(name: str) -> str:
        return name

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("as planned")

    @app.get("/gone")
    async def gone() -> None:
        raise HTTPException(410)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> Any:
            yield b"a"
            await asyncio.sleep(0.05)
            yield b"b"

        return StreamingResponse(parts())

    @app.get("/health")
    async def health() -> str:
        return "ok"

    async def item(request: Any) -> PlainTextResponse:
        return PlainTextResponse(str(request.path_params["n"]))

    app.include_router(router, prefix="/api")
    app.mount(
        "/shops/{shop}", Starlette(routes=[Route("/items/{n:int}", item), Mount("/deep", routes=[Route("/", item)])])
    )
    return app


def ask(app: Any, *paths: str, **headers: str) -> list[int]:
    async def asked() -> list[int]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return [(await client.get(path, headers=headers)).status_code for path in paths]

    return asyncio.run(asked())


@contextmanager
def answering(answer: Callable[[int], tuple[Any, ...]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A collector that answers its nth request as told (status, headers and, if it says more, JSON).

    Gives its address and the bodies that it took.
    """
    taken: list[dict[str, Any]] = []
    asked = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal asked
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked += 1
            status, headers, *more = answer(asked)
            told = json.dumps(more[0]).encode() if more else b""
            if status == 200:
                taken.append(json.loads(body))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(told))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        server.server_close()


def events(taken: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for body in taken for event in body["batch"]]


def test_requests_of_a_real_application_are_rows_of_the_lake(tmp_path: Path) -> None:
    with running(tmp_path) as collector:
        tracked = RequestTracking(
            application(), url=collector.url, write_key=new_key(tmp_path), service="shop", **QUICK
        )
        paths = ("/api/bookings/b1/lines/3?secret=1", "/files/a/b/c", "/nowhere/b1", "/health")
        assert ask(tracked, *paths, cookie="x=1; ajs_anonymous_id=%22visitor-1%22") == [200, 200, 404, 200]
        columns = "user_id, anonymous_id, route, http_method, status_code, latency_ms > 0, account_id, service"
        rows = eventually(lambda: len(found := lake_rows(tmp_path, "events", columns)) == 3 and found)
        assert sorted(rows, key=str) == [
            ("ann", None, "/api/bookings/{booking_id}/lines/{line}", "GET", 200, True, "7", "shop"),
            (None, "visitor-1", "/files/{name}", "GET", 200, True, None, "shop"),
            (None, "visitor-1", "unmatched", "GET", 404, True, None, "shop"),
        ]
        assert tracked.stats == middleware.Stats(sent=3, waiting=0, dropped=0, refused=0, failed=0)
        text = "".join(row[0] + (row[1] or "") for row in lake_rows(tmp_path, "events", "properties, context"))
        assert "secret" not in text
        assert "b1" not in text


ROUTES = [
    ("/api/bookings/bookings/lines/3", "/api/bookings/{booking_id}/lines/{line}", 200),
    ("/api/bookings/b1/lines/x", "/api/bookings/{booking_id}/lines/{line}", 422),
    ("/files/files", "/files/{name}", 200),
    ("/shops/acme/items/007", "/shops/{shop}/items/{n}", 200),
    ("/shops/acme/nothing", "/shops/{shop}/*", 404),
    ("/gone", "/gone", 410),
    ("/broken", "/broken", 500),
    ("/api/bookings", "unmatched", 404),
]


def test_a_route_is_its_template_whatever_stands_in_it() -> None:
    with answering(lambda _: (200, {})) as (url, taken):
        tracked = RequestTracking(application(), url=url, write_key="k", **QUICK)
        ask(tracked, *(path for path, _, _ in ROUTES))
        tracked.close()
        found = [(e["properties"]["route"], e["properties"]["status_code"]) for e in events(taken)]
        assert found == [(route, status) for _, route, status in ROUTES]
        assert {e["anonymousId"] for e in events(taken) if "userId" not in e} == {"service-unnamed"}


def test_latency_lasts_until_the_last_byte() -> None:
    with answering(lambda _: (200, {})) as (url, taken):
        tracked = RequestTracking(application(), url=url, write_key="k", **QUICK)
        ask(tracked, "/stream")
        tracked.close()
        assert 45 < events(taken)[0]["properties"]["latency_ms"] < 2_000


def test_added_the_usual_way_and_functions_say_who_asks() -> None:
    with answering(lambda _: (200, {})) as (url, taken):
        app = application()
        who = {"user": lambda scope: "u-" + scope["path"][1:], "account": lambda scope: "acme"}
        app.add_middleware(RequestTracking, url=url, write_key="k", **who, **QUICK)
        ask(app, "/gone")
        (event,) = eventually(lambda: events(taken))
        assert (event["userId"], event["properties"]["account_id"]) == ("u-gone", "acme")


def test_a_collector_that_refuses_for_a_while_gets_everything_once() -> None:
    answers = {1: (503, {}), 2: (429, {"Retry-After": "0"}), 3: (500, {})}
    with answering(lambda n: answers.get(n, (200, {}))) as (url, taken):
        tracked = RequestTracking(application(), url=url, write_key="k", batch_size=4, **QUICK)
        ask(tracked, *["/gone"] * 10)
        eventually(lambda: tracked.stats.sent == 10)
        ids = [event["messageId"] for event in events(taken)]
        assert len(ids) == len(set(ids)) == 10
        assert tracked.stats.dropped == tracked.stats.refused == 0


def test_what_the_collector_refuses_for_good_is_counted_and_not_repeated() -> None:
    with answering(lambda n: (401, {}) if n == 1 else (200, {})) as (url, taken):
        tracked = RequestTracking(application(), url=url, write_key="k", **QUICK)
        ask(tracked, "/gone")
        eventually(lambda: tracked.stats.refused == 1)
        ask(tracked, "/gone")
        eventually(lambda: tracked.stats.sent == 1)
        assert len(events(taken)) == 1


def test_why_the_collector_refused_is_said(caplog: pytest.LogCaptureFixture) -> None:
    said = {
        "accepted": 1,
        "rejected": 1,
        "errors": [{"index": 1, "code": "illegal_identity", "message": "no such user"}],
    }
    answers = {1: (200, {}, said), 2: (401, {}, {"message": "The write key is unknown."}), 3: (404, {}, [])}
    with answering(lambda n: answers[n]) as (url, _):
        tracked = RequestTracking(application(), url=url, write_key="k", batch_size=2, **QUICK)
        ask(tracked, "/gone", "/gone")
        eventually(lambda: tracked.stats.sent == tracked.stats.refused == 1)
        for refused in (3, 5):
            ask(tracked, "/gone", "/gone")
            eventually(lambda refused=refused: tracked.stats.refused == refused)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == [
        "the collector refused 1 of 2 events: no such user",
        "the collector refused 2 events with status 401: The write key is unknown.",
    ]
    assert "is this the collector's address?" in lines[2]


def test_a_collector_that_is_down_costs_no_request_and_drops_are_counted() -> None:
    with answering(lambda _: (200, {})) as (url, _):
        pass  # its port is free now, and nobody answers there
    tracked = RequestTracking(application(), url=url, write_key="k", capacity=20, batch_size=5, **QUICK)
    assert ask(tracked, *["/gone"] * 100) == [410] * 100
    stats = tracked.stats
    assert stats.waiting <= 25
    assert stats.dropped >= 75
    assert stats.waiting + stats.dropped == 100
    started = time.monotonic()
    tracked.close(5)
    assert time.monotonic() - started < 5
    assert tracked.stats.dropped + tracked.stats.waiting == 100


def test_a_collector_that_hangs_delays_no_request() -> None:
    freed = threading.Event()

    def hang(_: int) -> tuple[int, dict[str, str]]:
        freed.wait(30)
        return 200, {}

    with answering(hang) as (url, _):
        tracked = RequestTracking(application(), url=url, write_key="k", capacity=50, batch_size=5, **QUICK)
        started = time.monotonic()
        assert ask(tracked, *["/gone"] * 200) == [410] * 200
        assert time.monotonic() - started < 20  # each of the 200 would have waited half a second
        assert tracked.stats.dropped >= 100
        freed.set()


def test_tracking_that_fails_breaks_nothing() -> None:
    def broken(_: Any) -> str:
        raise RuntimeError("as planned")

    with answering(lambda _: (200, {})) as (url, _):
        tracked = RequestTracking(application(), url=url, write_key="k", user=broken, **QUICK)
        assert ask(tracked, "/gone") == [410]
        assert tracked.stats.failed == 1


@pytest.mark.parametrize("given", [{"url": "", "write_key": "k"}, {"url": "http://127.0.0.1:1", "write_key": ""}])
def test_without_a_collector_it_passes_on(given: dict[str, str]) -> None:
    tracked = RequestTracking(application(), **given)
    assert ask(tracked, "/gone") == [410]
    assert tracked.stats == middleware.Stats(0, 0, 0, 0, 0)


WRONG = [
    "collector:8088", "127.0.0.1:8088", "//collector:8088", "collector", "http://", "http:///v1", "ftp://collector",
    "http://collector:port", "http://collector:99999", "http://collector:8088\n", " http://collector",
    "http://col lector", "http://collector/?a=1", "http://collector/#a", "http://[::1", "http://col\u0430lector",
    "http://me:s3cret@collector:8088", "me:s3cret@collector:8088",
]  # fmt: skip


@pytest.mark.parametrize("url", WRONG)
def test_what_is_no_address_is_refused_when_it_is_configured(url: str) -> None:
    with pytest.raises(ValueError, match="write http:// or https:// and the collector's host") as raised:
        RequestTracking(application(), url=url, write_key="k")
    assert "\n" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://collector:8088", "HTTPS://c.example/", "http://127.0.0.1:1/behind/a/proxy", "http://[::1]:8088"]
)
def test_an_address_with_its_scheme_is_taken(url: str) -> None:
    assert RequestTracking(application(), url=url, write_key="k").stats.sent == 0


def test_the_file_needs_the_standard_library_only() -> None:
    assert middleware.__file__
    tree = ast.parse(Path(middleware.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names
