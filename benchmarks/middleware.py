"""What request tracking adds to a request: one FastAPI application with and without it, in turns, in one process.

    python -m benchmarks.middleware [--requests 3000]

The collector of the second side takes everything, that of the third hangs and that of the fourth is not there. Prints
CPU microseconds a request (of the thread that serves them, best of the turns) and the ratio to the application alone.
"""

import argparse
import asyncio
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fastapi import FastAPI

from ingestion.middleware import RequestTracking

TURNS = 5


def application() -> FastAPI:
    """One route with a parameter, as an application has hundreds."""
    app = FastAPI()

    @app.get("/bookings/{booking_id}")
    async def booking(booking_id: str) -> dict[str, str]:
        return {"booking_id": booking_id}

    return app


async def _ask(app: Any, count: int) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        return None

    for n in range(count):
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": f"/bookings/{n}",
            "query_string": b"",
            "headers": [],
        }
        scope |= {"http_version": "1.1", "scheme": "http", "root_path": "", "asgi": {"version": "3.0"}, "state": {}}
        await app(scope, receive, send)


def _microseconds(app: Any, count: int) -> float:
    started = time.thread_time()
    asyncio.run(_ask(app, count))
    return (time.thread_time() - started) / count * 1e6


def _server(hangs: bool, ended: threading.Event) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take a batch, or leave it hanging."""
            self.rfile.read(int(self.headers["Content-Length"]))
            if hangs:
                ended.wait()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Run all sides and print one line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--requests", type=int, default=3000, help="requests in each turn")
    count = parser.parse_args().requests
    logging.disable(logging.CRITICAL)
    ended = threading.Event()
    takes, hangs = _server(False, ended), _server(True, ended)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = probe.getsockname()[1]
    ports = {"collector takes all": takes.server_port, "collector hangs": hangs.server_port, "collector down": nobody}
    sides: dict[str, Any] = {"application alone": application()}
    for name, port in ports.items():
        sides[name] = RequestTracking(application(), url=f"http://127.0.0.1:{port}", write_key="k", service="bench")
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(TURNS):
        for name, app in sides.items():
            best[name] = min(best[name], _microseconds(app, count))
    alone = best["application alone"]
    for name, cost in best.items():
        stats = f", {sides[name].stats}" if isinstance(sides[name], RequestTracking) else ""
        print(f"{name:20} {cost:7.1f} us CPU a request, added {cost - alone:5.1f} us, x{cost / alone:.2f}{stats}")
    ended.set()


if __name__ == "__main__":
    main()
