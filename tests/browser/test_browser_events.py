"""A shop's page in a real browser sends events with a browser library to a collector on another origin."""

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

LIBRARIES = {
    "segment": "@segment/analytics-next/dist/umd",
    "rudder": "@rudderstack/analytics-js/dist/npm/modern/bundled/umd",
}
SEGMENT = """<!doctype html><html lang="en"><title>Flats in Berlin</title>
<script src="index.js"></script>
<script>
  const { writeKey, cdnURL, settings } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL }, settings);
  analytics.on("error", (error) => { window.refused = String(error.reason || error); });
  analytics.identify("u1", { plan: "gold" });
  analytics.page("Flats");
  analytics.track("Booking Confirmed", { booking_id: "b-1", total: 12.5 });
</script></html>"""
RUDDER = """<!doctype html><html lang="en"><title>Flats in Berlin</title>
<script src="index.js"></script>
<script>
  const { writeKey, cdnURL, settings } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const analytics = new rudderanalytics.RudderAnalytics();
  analytics.load(writeKey, cdnURL, { configUrl: cdnURL, ...settings });
  analytics.identify("u1", { plan: "gold" });
  analytics.page("Flats");
  analytics.track("Booking Confirmed", { booking_id: "b-1", total: 12.5 });
</script></html>"""
PAGES = {"segment": SEGMENT, "rudder": RUDDER}
COLUMNS = """
    event, user_id, anonymous_id is not null, properties, context_device_type, context_os_name, context_browser_name,
    context_page_title, context_campaign_source
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a library's files, and a page that loads it."""

    def __init__(self, *args: Any, page: str, **kwargs: Any) -> None:
        self.page = page
        super().__init__(*args, directory=str(FOLDER / "node_modules" / LIBRARIES[page]), **kwargs)

    def do_GET(self) -> None:
        if not self.path.startswith("/shop.html"):
            super().do_GET()
            return
        body = PAGES[self.page].encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def shop(page: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, page=page))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/shop.html?utm_source=letter"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


BATCHING = {"integrations": {"Segment.io": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 3}}}}}
# What a library asks for first, and where its events go by its settings.
WAYS: dict[str, tuple[str, list[tuple[dict[str, Any], set[str]]]]] = {
    "segment": ("/v1/projects/", [({}, {"i", "p", "t"}), (BATCHING, {"b"})]),
    "rudder": ("/sourceConfig/", [({}, {"identify", "page", "track"})]),
}


@pytest.mark.parametrize("library", WAYS)
def test_events_cross_origins_and_say_what_they_were_sent_with(tmp_path: Path, library: str) -> None:
    key = new_key(tmp_path)
    asked_first, ways = WAYS[library]
    with running(tmp_path) as collector, shop(library) as address, open_browser() as browser:

        def visit(write_key: str, settings: dict[str, Any]) -> Any:
            page = browser.new_context().new_page()
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            config = {"writeKey": write_key, "cdnURL": collector.url, "settings": settings}
            page.goto(f"{address}#{json.dumps(config)}")
            return page, asked

        for settings, paths in ways:
            before = len(rows(tmp_path))
            page, asked = visit(key, settings)
            eventually(lambda before=before: len(rows(tmp_path)) >= before + 3)
            page.evaluate("document.title")  # what the browser told meanwhile is heard only now
            sent = {url.removeprefix(collector.url + "/v1/") for url in asked if url.startswith(collector.url)}
            assert paths <= sent
            # Nobody else hears of it: no settings, statistics or events go to the library's makers.
            assert all(url.startswith((collector.url, address.partition("/shop")[0])) for url in asked)

        page, asked = visit("alm_wrong", {})
        is_answered = "start => performance.getEntries().some((entry) => entry.name.startsWith(start))"
        page.wait_for_function(is_answered, arg=collector.url + asked_first)
        assert not [url for url in asked if url.startswith(collector.url) and asked_first not in url]
    found = [(row[0], row[1], row[2], json.loads(row[3]), *row[4:]) for row in rows(tmp_path)]
    (browser_name,) = {row[6] for row in found}
    assert "Chrom" in browser_name  # each of its builds has a name of its own
    device = ("desktop", "Linux", browser_name)
    where = ("Flats in Berlin", "letter")
    rest = (*device, *where)
    for event, properties in (
        ("user_identified", {"plan": "gold"}),
        ("booking_confirmed", {"booking_id": "b-1", "amount": 12.5}),
    ):
        assert [row for row in found if row[0] == event] == [(event, "u1", True, properties, *rest)] * len(ways)
    assert len(found) == 3 * len(ways)


def rows(home: Path) -> list[tuple[Any, ...]]:
    return lake_rows(home, "events", COLUMNS)
