"""The page of data quality in a browser: what fails comes first, with a way to what is to be done."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from almanac.settings import Settings
from tests.serving.browser import chromium, open_browser, watched_page
from tests.serving.judged import WARNING, judge
from tests.serving.published import publish
from tests.serving.running import running_portal

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("portal"),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]


def test_from_the_first_glance_to_the_runbook_and_to_what_is_expected(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    publish(settings)
    with running_portal(tmp_path) as base_url, open_browser() as browser, watched_page(browser, base_url) as watched:
        page = watched.page
        watched.goto("/events?tenant=rentals")
        page.get_by_role("link", name="Data quality").click()
        expect(page.get_by_role("heading", name="No checks have run yet")).to_be_visible()
        judge(settings)
        page.reload()
        expect(page.get_by_text("1 check warns now")).to_be_visible()
        failed = page.locator('[data-card="failures"] tbody tr')
        expect(failed.first).to_contain_text(WARNING)
        expect(failed.first).to_contain_text("fails now")
        assert page.locator('[data-card="models"] svg.sparkline').count() == 7
        page.get_by_label("Tenant").select_option("advisory")
        expect(page.locator('[data-card="sources"] tbody th')).to_have_text(["advisory/web"])
        watched.assert_calm()
        page.get_by_role("link", name="What is expected of each source").click()
        expect(page.get_by_role("heading", name="rentals/web")).to_be_visible()
        background = page.locator("section").first.evaluate("(card) => getComputedStyle(card).borderRadius")
        assert background == "8px", "the page's own style is not loaded"
        page.go_back()
        failed.first.get_by_role("link", name="pipeline-failure.md").click()
        expect(page.locator("body")).to_contain_text("# Numbers are not published")
        watched.assert_calm()
