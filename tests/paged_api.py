"""A paged API over real HTTP, and how a table of it is described."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

ITEMS = {
    "key": ["id"],
    "cursor": "at",
    "cursor_param": "since",
    "rows": "items",
    "paginator": {"type": "page_number", "base_page": 1, "total_path": "pages"},
}


class Api:
    """A paged API of `items`; asked for too much at once it says so, and once in a while it fails."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.asked: list[dict[str, list[str]]] = []
        self.failures = 0
        self.instead: dict[int, bytes] = {}  # answers with status 200, by the number of their page
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlparse(self.path).query)
                api.asked.append({**query, "authorization": [self.headers.get("Authorization", "")]})
                if api.failures:
                    api.failures -= 1
                    self.send_response(503)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                page, since = int(query.get("page", ["1"])[0]), query.get("since", [""])[0]
                found = [item for item in reversed(api.items) if item["at"] >= since]
                body = json.dumps({"items": found[2 * page - 2 : 2 * page], "pages": (len(found) + 1) // 2}).encode()
                body = api.instead.get(page, body)
                self.send_response(200)
                self.send_header("Content-Type", "application/json" if body[:1] == b"{" else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.start = lambda port: self._serve(ThreadingHTTPServer(("127.0.0.1", port), Handler))
        self.start(0)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def _serve(self, server: ThreadingHTTPServer) -> None:
        self.server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> int:
        """Answer nobody any more; the port for a later start."""
        port = self.server.server_port
        self.server.shutdown()
        self.server.server_close()
        return port
