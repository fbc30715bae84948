"""A shop's page in a real browser sends events with Segment's browser library to a collector on another origin."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.integration.clients.node_clients import FOLDER, why_not
from tests.integration.collector_process import eventually, lake_rows, new_key, running
from tests.serving.browser import chromium, open_browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
    pytest.mark.skipif(bool(why_not()), reason=str(why_not())),
]

LIBRARY = FOLDER / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
PAGE = """<!doctype html><html lang="en"><title>Flats in Berlin</title>
<script src="index.js"></script>
<script>
  const { writeKey, cdnURL, settings } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL }, settings);
  analytics.on("error", (error) => { window.refused = String(error.reason || error); });
  analytics.identify("u1", { plan: "gold" });
  analytics.page("Flats");
  analytics.track("Booking Confirmed", { booking_id: "b-1", total: 12.5 });
</script></html>"""
COLUMNS = """
    event, user_id, anonymous_id is not null, properties, context_device_type, context_os_name, context_browser_name,
    context_page_title, context_campaign_source
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves the library's files, and a page that loads it."""

    def do_GET(self) -> None:
        if not self.path.startswith("/shop.html"):
            super().do_GET()
            return
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(LIBRARY)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/shop.html?utm_source=letter"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_events_cross_origins_and_say_what_they_were_sent_with(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    batching = {"integrations": {"Segment.io": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 3}}}}}
    with running(tmp_path) as collector, shop() as address, open_browser() as browser:

        def visit(write_key: str, settings: dict[str, Any]) -> Any:
            page = browser.new_context().new_page()
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            config = {"writeKey": write_key, "cdnURL": collector.url, "settings": settings}
            page.goto(f"{address}#{json.dumps(config)}")
            return page, asked

        for settings, paths in (({}, {"i", "p", "t"}), (batching, {"b"})):
            before = len(rows(tmp_path))
            page, asked = visit(key, settings)
            eventually(lambda before=before: len(rows(tmp_path)) >= before + 3)
            page.evaluate("document.title")  # what the browser told meanwhile is heard only now
            sent = {url.removeprefix(collector.url + "/v1/") for url in asked if url.startswith(collector.url)}
            assert paths <= sent
            # Nobody else hears of it: no settings, statistics or events go to the library's makers.
            assert all(url.startswith((collector.url, address.partition("/shop")[0])) for url in asked)

        page, asked = visit("alm_wrong", {})
        refused = f"{collector.url}/v1/projects/alm_wrong/settings"
        page.wait_for_function("url => performance.getEntriesByName(url).length > 0", arg=refused)
        assert not [url for url in asked if "/v1/t" in url]
    found = [(row[0], row[1], row[2], json.loads(row[3]), *row[4:]) for row in rows(tmp_path)]
    (browser_name,) = {row[6] for row in found}
    assert "Chrom" in browser_name  # each of its builds has a name of its own
    device = ("desktop", "Linux", browser_name)
    where = ("Flats in Berlin", "letter")
    for event, properties in (
        ("user_identified", {"plan": "gold"}),
        ("booking_confirmed", {"booking_id": "b-1", "amount": 12.5}),
    ):
        assert [row for row in found if row[0] == event] == [(event, "u1", True, properties, *device, *where)] * 2
    assert len(found) == 6


def rows(home: Path) -> list[tuple[Any, ...]]:
    return lake_rows(home, "events", COLUMNS)
