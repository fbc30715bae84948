"""The portal on a phone: long pages are short at first, and the header is no higher than need be."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from almanac.settings import Settings
from tests.serving.browser import chromium, open_browser, watched_page
from tests.serving.published import publish
from tests.serving.running import running_portal

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("portal"),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]
PHONE, DESK = 390, 1280


def test_a_kpi_is_opened_by_its_title_or_by_a_link_to_it(tmp_path: Path) -> None:
    publish(Settings.for_home(tmp_path))
    with running_portal(tmp_path) as base_url, open_browser() as browser:
        with watched_page(browser, base_url, width=PHONE) as watched:
            watched.goto("/kpis#kpi-gmv")
            values = {kpi: watched.page.locator(f"#kpi-{kpi} [data-value]").first for kpi in ("gmv", "bookings")}
            expect(values["gmv"]).to_be_visible()
            expect(values["bookings"]).to_be_hidden()
            watched.page.locator("#kpi-bookings summary").click()
            expect(values["bookings"]).to_be_visible()
            watched.assert_calm()
        with watched_page(browser, base_url, width=DESK) as watched:
            watched.goto("/kpis")
            expect(watched.page.locator("#kpi-bookings [data-value]").first).to_be_visible()
            expect(watched.page.locator("#kpi-bookings summary")).to_be_hidden()


def test_where_the_header_has_no_date_the_theme_switch_is_beside_the_name(tmp_path: Path) -> None:
    with (
        running_portal(tmp_path) as base_url,
        open_browser() as browser,
        watched_page(browser, base_url, width=PHONE) as watched,
    ):
        watched.page.goto(base_url + "/events/send")
        name, switch = (watched.page.locator(one).bounding_box() for one in (".brand", "#theme-switch"))
        assert name
        assert switch
        assert name["y"] + name["height"] / 2 == pytest.approx(switch["y"] + switch["height"] / 2, abs=2)
