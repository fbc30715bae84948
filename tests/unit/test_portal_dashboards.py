"""Which dashboards a tenant is offered, and what is left out of one that shows what the tenant never had."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from fastapi.testclient import TestClient

from almanac.settings import Settings
from serving.app import create_app
from tests.serving.published import publish


def card(name: str, kind: str, row: int, column: int, width: int, **more: object) -> dict[str, object]:
    size = {"width": width, "height": 3}
    return {"id": name, "type": kind, "position": {"row": row, "column": column}, "size": size, **more}


SEARCHING = [card("searches", "tile", 0, 0, 24, kpi="searches")]
LENDING = [card("loans", "tile", 0, 0, 24, kpi="loans_disbursed")]
MIXED = [
    card("gmv", "tile", 0, 0, 8, kpi="gmv"),
    card("searches", "tile", 0, 8, 8, kpi="searches"),
    card("bookings", "tile", 0, 16, 8, kpi="bookings"),
    card("take_rate", "tile", 3, 0, 8, kpi="take_rate"),
    card("traffic", "time_series", 6, 0, 12, title="Traffic", kpis=["searches", "sessions"], time_grain="day"),
    card("looking", "time_series", 6, 12, 12, title="Looking", kpis=["searches"], time_grain="day"),
    card("all", "table", 9, 0, 24, title="All", kpis=["searches", "gmv"], time_grain="day"),
]


CHANNELS = [card("channels", "ranking", 0, 0, 24, title="Channels", kpi="sessions", dimension="channel")]
BOTH = [card("sessions", "tile", 0, 0, 24, kpi="sessions"), CHANNELS[0] | {"position": {"row": 3, "column": 0}}]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A few dashboards; one of two tenants has never had a search or told a channel, and nobody had a loan."""
    root = tmp_path_factory.mktemp("root")
    folder = root / "dashboards" / "specs"
    folder.mkdir(parents=True)
    made = (
        ("mixed", "revenue", MIXED),
        ("searching", "leadership", SEARCHING),
        ("lending", "revenue", LENDING),
        ("channels", "growth", CHANNELS),
        ("visits", "growth", BOTH),
    )
    for name, section, cards in made:
        spec = {"title": name.capitalize(), "description": "x", "section": section, "cards": cards}
        (folder / f"{name}.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    settings = Settings.for_home(root / "home", root=root)
    with duckdb.connect(str(publish(settings).path)) as con:
        con.execute("delete from kpi_values where tenant = 'advisory' and kpi = 'searches'")
        con.execute(
            "update kpi_values set dimension_value = if(time_grain = 'day', 'unknown', 'none')"
            " where tenant = 'advisory' and dimension = 'channel'"
        )
    with TestClient(create_app(settings)) as made:
        yield made


def places(page: str) -> dict[str, str]:
    """Each card's width and column."""
    found = re.findall(r'<article class="card \w+ (w-\d+ c-\d+) h-\d+" data-card="(\w+)"', page)
    return {name: place for place, name in found}


def test_a_tenant_is_offered_what_it_has_numbers_of(client: TestClient) -> None:
    page = client.get("/dashboards?tenant=rentals&range=7d").text.partition("<main")[2]
    assert page.index("Leadership") < page.index("Searching") < page.index("Revenue") < page.index("Mixed")
    assert 'href="/dashboards/mixed?tenant=rentals&amp;range=7d"' in page
    assert "Of other tenants only" not in page
    assert page.index("Without any number so far") < page.index("Lending")
    other = client.get("/dashboards?tenant=advisory").text.partition("<main")[2]
    assert other.index("Mixed") < other.index("Of other tenants only") < other.index('href="/dashboards/searching"')
    assert other.index('href="/dashboards/searching"') < other.index("Without any number so far")
    assert "Leadership" not in other
    assert client.get("/dashboards?tenant=nobody").status_code == 404


def test_home_is_the_first_dashboard_that_has_numbers(client: TestClient) -> None:
    found = {
        query: client.get(f"/?{query}", follow_redirects=False).headers["location"]
        for query in ("tenant=rentals", "tenant=advisory&range=7d")
    }
    assert found == {
        "tenant=rentals": "/dashboards/searching?tenant=rentals",
        "tenant=advisory&range=7d": "/dashboards/mixed?tenant=advisory&range=7d",
    }


def test_what_a_tenant_never_had_is_left_out_and_said_once(client: TestClient) -> None:
    whole = client.get("/dashboards/mixed?tenant=rentals").text
    assert len(places(whole)) == len(MIXED)
    assert "never had a value" not in whole
    page = client.get("/dashboards/mixed?tenant=advisory").text
    assert page.count("Advisory never had a value of Searches.") == 1
    assert places(page) == {
        "gmv": "w-8 c-0", "bookings": "w-8 c-8", "take_rate": "w-8 c-16", "traffic": "w-24 c-0", "all": "w-24 c-0",
    }  # fmt: skip
    assert "Sessions per day" in page, "a single line is named by the title"
    assert 'data-column="searches"' not in page


def test_a_dashboard_of_which_nothing_is_left_says_who_has_its_numbers(client: TestClient) -> None:
    page = client.get("/dashboards/searching?tenant=advisory").text
    assert places(page) == {}
    assert "Advisory has none of these numbers" in page
    assert re.search(r'href="/dashboards/searching\?tenant=rentals&amp;[^"]*">Rentals</a>', page)


def test_a_dashboard_begins_with_a_tenant_that_has_its_numbers(client: TestClient) -> None:
    assert places(client.get("/dashboards/searching").text) == {"searches": "w-24 c-0"}


def test_an_empty_range_is_not_a_missing_kpi(client: TestClient) -> None:
    page = client.get("/dashboards/mixed?tenant=rentals&range=custom&from=2025-01-01&to=2025-01-07").text
    assert len(places(page)) == len(MIXED)


@pytest.mark.parametrize(("days", "is_offered"), [("range=28d", True), ("range=all", False)])
def test_more_days_are_offered_only_where_there_are_more(tmp_path: Path, days: str, is_offered: bool) -> None:
    settings = Settings.for_home(tmp_path)
    with duckdb.connect(str(publish(settings).path)) as con:
        con.execute("delete from kpi_values where kpi = 'search_to_book_conversion' and time_grain != 'day'")
    with TestClient(create_app(settings)) as portal:
        page = portal.get(f"/dashboards/overview?tenant=rentals&{days}").text
    empty = page.split('<div class="empty-card">')[1].split("</div>")[0]
    assert "No search-to-book conversion between" in empty
    assert ("<a " in empty) == is_offered


def test_a_ranking_by_what_nobody_tells_is_not_offered(client: TestClient) -> None:
    offered = {
        tenant: client.get(f"/dashboards?tenant={tenant}")
        .text.partition("<main")[2]
        .partition("Of other tenants only")[0]
        for tenant in ("rentals", "advisory")
    }
    assert 'href="/dashboards/channels?' in offered["rentals"]
    assert 'href="/dashboards/channels?' not in offered["advisory"]
    assert 'href="/dashboards/visits?' in offered["advisory"]
    page = client.get("/dashboards/channels?tenant=advisory").text
    assert "<h2>Advisory has none of these numbers</h2>" in page
    assert "It never had a value of Sessions by channel." in page
    assert "tenant=rentals" in page.partition("Numbers of: ")[2].partition("</p>")[0]


def test_what_is_left_stands_without_it_and_says_so_once(client: TestClient) -> None:
    page = client.get("/dashboards/visits?tenant=advisory").text
    assert list(places(page)) == ["sessions"]
    assert page.count("Advisory never had a value of Sessions by channel.") == 1
    assert list(places(client.get("/dashboards/visits?tenant=rentals").text)) == ["sessions", "channels"]
    assert 'value="rentals" selected' in client.get("/dashboards/channels").text, "who tells it is shown first"
