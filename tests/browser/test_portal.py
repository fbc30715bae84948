"""The portal in a real browser: every number equals the published one, and pages behave."""

import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, expect

from almanac.settings import Settings
from dashboards.specs import load_dashboards
from tests.serving.browser import Watched, chromium, open_browser, watched_page
from tests.serving.comparison import check_portal, compare_dashboard
from tests.serving.judged import judge
from tests.serving.published import PUBLISHED_AT, note, publish
from tests.serving.running import running_portal
from tests.serving.stored import Stored

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("portal"),  # one browser, one published version
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]
WEEK = "range=custom&from=2026-11-09&to=2026-11-15"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings.for_home(tmp_path_factory.mktemp("browser"))
    publish(made)
    judge(made)
    return made


@pytest.fixture(scope="module")
def portal(settings: Settings) -> Iterator[str]:
    with running_portal(settings.home) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def watched(browser: Browser, portal: str) -> Iterator[Watched]:
    with watched_page(browser, portal) as page:
        yield page


@pytest.fixture(scope="module")
def database(settings: Settings) -> Path:
    return next(settings.versions.glob("*.duckdb"))


def test_every_tile_and_cell_equals_the_published_value(browser: Browser, portal: str, database: Path) -> None:
    compared = check_portal(portal, database, ["overview"], browser=browser)
    assert compared.tiles == 2 * 4 * 9
    assert compared.charts == 2 * 4 * 4
    assert compared.cells > 3_000


@pytest.mark.parametrize(
    ("change", "card"),
    [
        ("kpi = 'gmv' and time_grain = 'day' and period_start = '2026-11-10' and dimension = 'all'", "overview/gmv"),
        ("kpi = 'active_users' and time_grain = 'week' and period_start = '2026-11-09'", "overview/active_users"),
        ("kpi = 'bookings' and dimension_value = 'paid' and period_start = '2026-11-10'", "bookings_by_channel"),
    ],
)
def test_the_comparison_sees_one_changed_value(
    watched: Watched, settings: Settings, database: Path, tmp_path: Path, change: str, card: str
) -> None:
    other = tmp_path / "other.duckdb"
    shutil.copy(database, other)
    with duckdb.connect(str(other)) as con:
        con.execute(
            f"update kpi_values set numerator = numerator + 1, value = value + 1 where tenant = 'rentals' and {change}"
        )
    stored, spec = Stored(other), load_dashboards(settings.root)["overview"]
    try:
        with pytest.raises(AssertionError, match=card):
            compare_dashboard(watched, stored, spec, "rentals", date(2026, 11, 9), date(2026, 11, 15))
    finally:
        stored.close()


def test_an_empty_range_says_so_and_shows_no_zero(watched: Watched) -> None:
    watched.goto("/dashboards/overview?tenant=rentals&range=custom&from=2025-01-01&to=2025-01-07")
    tiles = watched.page.locator(".tile")
    assert tiles.locator("[data-value]").all_text_contents() == ["-"] * tiles.count()
    expect(watched.page.locator('[data-card="bookings"]')).to_contain_text(
        "No bookings between 1 and 7\u00a0Jan\u00a02025."
    )
    assert watched.page.locator("[data-chart]").count() == 0
    assert watched.page.locator(".empty-card").count() == 5
    watched.assert_calm()
    watched.page.locator('[data-card="gmv"] .empty a').click()
    expect(watched.page.locator("[data-chart]")).to_have_count(4)
    expect(watched.page).to_have_url(re.compile("range=all"))


def test_a_stale_version_says_since_when(watched: Watched, settings: Settings, database: Path) -> None:
    stored = Stored(database)
    note(settings, succeeded=False, attempted_at=datetime(2026, 11, 21, 10, 5), failed=("rows_expected", "late_share"))
    try:
        overview = load_dashboards(settings.root)["overview"]
        compared = compare_dashboard(watched, stored, overview, "rentals", date(2026, 10, 24), date(2026, 11, 20))
        assert compared.tiles >= 9
        bar = watched.page.get_by_role("status")
        expect(bar).to_contain_text("Showing data of 21\u00a0Nov\u00a02026, 10:12\u00a0CET.")
        expect(bar).to_contain_text(
            "The build of 21\u00a0Nov\u00a02026, 11:05\u00a0CET was stopped by 2 failed checks."
        )
        bar.locator("summary").click()
        expect(bar).to_contain_text("rows_expected")
        watched.assert_calm()
    finally:
        stored.close()
        note(settings, succeeded=True, attempted_at=PUBLISHED_AT)
    watched.goto("/dashboards/overview")
    assert watched.page.get_by_role("status").count() == 0


@pytest.mark.parametrize(
    "path",
    [
        "/dashboards/overview?tenant=rentals",
        "/kpis",
        "/events?tenant=rentals",
        "/events/send?tenant=rentals",
        "/quality?tenant=rentals",
        "/freshness?tenant=rentals",
    ],
)
@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (800, "dark"), (1440, "dark")])
def test_pages_fit_every_window_and_theme(browser: Browser, portal: str, path: str, width: int, theme: str) -> None:
    with watched_page(browser, portal, width=width, theme=theme) as watched:
        watched.goto(path)
        watched.assert_calm()
        ground = watched.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert ground == ("rgb(15, 19, 26)" if theme == "dark" else "rgb(246, 247, 249)")
        cut = watched.page.evaluate(
            "[...document.querySelectorAll('.tile-value, .change, h1, h2, td[title], .ranking th')]"
            ".filter((e) => e.clientWidth && e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"
        )
        assert cut == []
        covered = watched.page.evaluate(
            "[...document.querySelectorAll('.tile-body')].filter((tile) => {"
            " const value = tile.querySelector('.tile-value'), line = tile.querySelector('.sparkline');"
            " value.textContent = '12,345,678.90 EUR';"
            " const [left, right] = [value, line ?? tile].map((e) => e.getBoundingClientRect());"
            " return left.right > (line ? right.left : right.right);"
            "}).map((tile) => tile.closest('section, article').querySelector('h2').textContent)"
        )
        assert covered == [], "a long number does not fit, or its curve lies over it"
        pillars = watched.page.evaluate(
            "[...document.querySelectorAll('tbody th')].filter((e) => e.clientHeight > 110)"
            ".filter((e) => e.clientWidth < Math.min(300, innerWidth / 2)).map((e) => e.textContent)"
        )
        assert pillars == [], "words of a row's head stand below each other"


def test_the_theme_switch_holds_on_the_next_page(watched: Watched) -> None:
    watched.goto(f"/dashboards/overview?tenant=rentals&{WEEK}")
    label = watched.page.locator("[data-chart] .role-axis-label text").first
    before = label.get_attribute("fill")
    watched.page.locator("#theme-switch").click()
    expect(label).not_to_have_attribute("fill", before or "", timeout=20_000)
    watched.goto("/kpis")
    assert watched.page.locator("html").get_attribute("data-theme") == "dark"
    watched.assert_calm()


def test_why_this_number_opens_by_keyboard_and_has_an_address(watched: Watched) -> None:
    watched.goto(f"/dashboards/overview?tenant=rentals&{WEEK}")
    page = watched.page
    button = page.get_by_role("button", name="Why this number: Take rate")
    button.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#why-take_rate")
    expect(panel).to_be_visible()
    for text in ("Revenue / GMV", "numerator", "denominator", "of 5 passed", "Owner", "Data as of", "Documentation"):
        expect(panel).to_contain_text(text)
    expect(page).to_have_url(re.compile("#why-take_rate$"))
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    # the browser tells the page of a closed panel in a task of its own, so the address follows what is seen
    expect(page).to_have_url(re.compile("^[^#]*$"))
    page.goto(page.url + "#why-gmv")
    expect(page.locator("#why-gmv")).to_be_visible()
    page.go_back()
    expect(page.locator("#why-gmv")).to_be_hidden()
    watched.assert_calm()


def test_the_choice_of_tenant_and_days_is_in_the_address_and_back_undoes_it(watched: Watched) -> None:
    watched.goto("/dashboards/overview")
    page = watched.page
    page.get_by_label("Tenant").select_option("advisory")
    page.wait_for_url("**tenant=advisory**")
    page.get_by_role("link", name="7 days").click()
    page.wait_for_url("**range=7d**")
    assert "tenant=advisory" in page.url
    expect(page.locator("main p").first).to_contain_text("Advisory: 14–20\u00a0Nov\u00a02026")
    page.get_by_role("link", name="KPIs").first.click()
    page.wait_for_url("**/kpis?**")
    page.get_by_role("link", name="Overview").first.click()
    page.wait_for_url("**/dashboards/overview?**")
    assert "tenant=advisory" in page.url
    assert "range=7d" in page.url
    for _ in range(3):
        page.go_back()
    expect(page.locator("main p").first).to_contain_text("Advisory: 24\u00a0Oct – 20\u00a0Nov\u00a02026")


def test_charts_tell_their_values_under_the_pointer_and_as_a_table(watched: Watched) -> None:
    watched.goto(f"/dashboards/overview?tenant=rentals&{WEEK}")
    page = watched.page
    chart = page.locator('[data-card="gmv_by_day"] .canvas')
    chart.scroll_into_view_if_needed()
    area = chart.bounding_box()
    assert area
    for step in range(3):  # the chart answers to movement
        page.mouse.move(area["x"] + area["width"] / 2 + step, area["y"] + area["height"] / 2)
    tooltip = page.locator(".tooltip[data-shown]")
    expect(tooltip).to_contain_text("Nov\u00a02026")
    expect(tooltip).to_contain_text("€")
    page.locator('[data-card="gmv_by_day"] summary').click()
    expect(page.locator('[data-card="gmv_by_day"] tbody tr').first).to_be_visible()
    watched.assert_calm()


def test_tables_sort_by_the_pressed_header(watched: Watched) -> None:
    watched.goto("/dashboards/overview?tenant=rentals&range=28d")
    table = watched.page.locator('[data-card="daily"]')
    column = "(rows) => rows.map((row) => Number(row.cells[1].dataset.value))"
    table.locator("th[data-column=gmv] button").click()
    falling = table.locator("tbody tr").evaluate_all(column)
    assert falling == sorted(falling, reverse=True)
    table.locator("th[data-column=gmv] button").click()
    assert table.locator("tbody tr").evaluate_all(column) == falling[::-1]
    assert table.locator("th[data-column=gmv]").get_attribute("aria-sort") == "ascending"


def test_numbers_are_there_without_scripts(browser: Browser, portal: str) -> None:
    with watched_page(browser, portal, scripts=False) as watched:
        watched.page.goto(f"{portal}/dashboards/overview?tenant=rentals")
        assert "€" in (watched.page.locator('[data-card="gmv"] [data-value]').text_content() or "")
        expect(watched.page.get_by_role("button", name="Show")).to_be_visible()
        watched.page.locator('[data-card="gmv_by_day"] summary').click()
        expect(watched.page.locator('[data-card="gmv_by_day"] tbody tr').first).to_be_visible()


@pytest.mark.parametrize("path", ["/dashboards/overview?tenant=rentals", "/events", "/quality", "/freshness"])
def test_nothing_moves_while_a_page_arrives(watched: Watched, path: str) -> None:
    observe = """
        window.shift = 0;
        new PerformanceObserver((list) => { for (const e of list.getEntries()) window.shift += e.value; })
            .observe({type: 'layout-shift', buffered: true});
    """
    watched.page.add_init_script(observe)
    # A slow machine reads a page in several turns, and between two of them a browser likes to paint.
    tools = watched.page.context.new_cdp_session(watched.page)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    watched.goto(path)
    assert watched.page.evaluate("window.shift") < 0.001


def test_a_waiting_page_turns_into_numbers_by_itself(browser: Browser, tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    with running_portal(tmp_path) as base_url, watched_page(browser, base_url) as watched:
        watched.page.goto(base_url)
        expect(watched.page.get_by_role("heading", name="No numbers yet")).to_be_visible()
        publish(settings)
        expect(watched.page.locator('[data-card="gmv"] [data-value]')).to_contain_text("€", timeout=30_000)
        watched.goto("/dashboards/overview")
        watched.assert_calm()
