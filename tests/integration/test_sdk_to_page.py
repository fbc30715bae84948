"""What a real client library sent is counted on the page after a build: the whole way in one test."""

import html
import re
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from segment.analytics import Client

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from almanac.settings import Settings
from tests.integration.collector_process import land_rest, new_key, running
from tests.serving.running import running_portal
from tests.small_lake import PASSED


def test_events_of_the_client_library_are_counted_on_the_page(tmp_path: Path) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    sent: Counter[str] = Counter()
    key = new_key(tmp_path)
    with running(tmp_path) as collector:
        client = Client(key, host=collector.url, gzip=True)
        for n in range(7):
            client.track(anonymous_id=f"v{n}", event="search_performed", properties={"query": "flat"}, timestamp=at)
            sent["search_performed"] += 1
        for n in range(3):
            client.track(f"u{n}", "listing_viewed", {"listing_id": "L-1"}, timestamp=at)
            sent["listing_viewed"] += 1
        client.track("u1", "booking_confirmed", {"booking_id": "b1", "amount": "420.00"}, timestamp=at)
        sent["booking_confirmed"] += 1
        client.track("u1", "never_heard_of", timestamp=at)  # lands in quarantine, counted there
        client.shutdown()
        assert collector.stop() == 0
    land_rest(tmp_path)
    settings = Settings.for_home(tmp_path)
    assert run_build(settings, runner=WarmDbt()).succeeded
    publish(settings, PASSED)
    with running_portal(tmp_path) as base, urllib.request.urlopen(f"{base}/events?tenant=rentals", timeout=30) as page:
        cells = _cells(page.read().decode())
    shown = {name: cells[cells.index(name) + 1] for name in sent}
    assert shown == {name: str(count) for name, count in sent.items()}
    refused = cells.index("never_heard_of")
    assert cells[refused + 1 : refused + 3] == ["0", "1"]


def _cells(page: str) -> list[str]:
    """The text of every table cell, in order."""
    found = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, flags=re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in found]
