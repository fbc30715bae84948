"""The page "Send an event", with a real collector: the command is run as it stands, and the page follows the event."""

import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from almanac.settings import Settings
from tests.integration.collector_process import new_key, running
from tests.serving.browser import Watched, chromium, open_browser, watched_page
from tests.serving.running import running_portal
from tests.small_lake import PASSED

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]
PATIENCE = 60_000  # milliseconds; a loaded machine lands and builds slowly


def test_what_the_page_says_to_send_is_followed_to_the_published_numbers(tmp_path: Path) -> None:
    settings, key = Settings.for_home(tmp_path), new_key(tmp_path)
    with (
        running(tmp_path, flush_seconds=2) as collector,
        running_portal(tmp_path, collector_url=collector.url) as portal,
        open_browser() as browser,
        watched_page(browser, portal) as watched,
    ):
        watched.goto("/events/send?tenant=rentals&event=booking_confirmed")
        step = watched.page.locator('[data-step="landed"] [data-words]')
        expect(step).to_contain_text("Nothing with this message id")
        _run(watched, key)
        expect(step).to_contain_text("row 0 of events/tenant=rentals/", timeout=PATIENCE)
        counted = watched.page.locator('[data-step="counted"]')
        expect(counted).to_contain_text("After the next build (almanac build) in")
        assert run_build(settings, runner=WarmDbt()).succeeded
        publish(settings, PASSED)
        expect(counted).to_contain_text("In the published numbers:", timeout=PATIENCE)
        expect(counted.get_by_role("link", name="GMV", exact=True)).to_be_visible()
        watched.assert_calm()

        watched.page.get_by_role("link", name="Wrong on purpose").click()
        expect(watched.page.locator(".card").first).to_contain_text("booking_id is missing")
        _run(watched, key)
        refused = watched.page.locator('[data-step="refused"]')
        expect(refused).to_contain_text("of quarantine/tenant=rentals/", timeout=PATIENCE)
        expect(refused.locator("[data-reasons] li")).to_contain_text("booking_id")
        expect(counted).to_be_hidden()
        watched.assert_calm()


def _run(watched: Watched, key: str) -> None:
    """Do what the page says: put the key in its place, run the command in a shell."""
    command = watched.page.locator("#command").inner_text().replace("WRITE_KEY", key)
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert '"code":' not in answer.stdout or "booking_id" in answer.stdout, answer.stdout
