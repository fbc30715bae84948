"""The page of all KPIs: what it says of each beside its value."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from fastapi.testclient import TestClient

from almanac.settings import Settings
from serving.app import create_app
from tests.serving.published import publish

FALLS = "falls by more than 20 % against the period before"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path)


@pytest.fixture
def database(settings: Settings) -> Path:
    return publish(settings).path


@pytest.fixture
def client(settings: Settings, database: Path) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as made:
        yield made


def row(client: TestClient, kpi: str) -> str:
    """What the page says in the row of a KPI."""
    page = client.get("/kpis").text.replace("\u00a0", " ")
    found = re.search(rf'<tr id="kpi-{kpi}".*?</tr>', page, re.DOTALL)
    assert found
    return found[0]


def test_a_threshold_is_shown_where_one_is_declared(database: Path, client: TestClient) -> None:
    with duckdb.connect(str(database)) as con:
        for kpi, threshold in (("take_rate", '{"below":0.055}'), ("bookings", '{"above":1200.0}')):
            con.execute("update kpi_catalogue set threshold = ? where kpi = ?", [threshold, kpi])
    assert f"Alert threshold: {FALLS}<" in row(client, "search_to_book_conversion")
    assert "Alert threshold: below 5.5 %<" in row(client, "take_rate")
    assert "Alert threshold: above 1,200<" in row(client, "bookings")
    assert "Alert threshold" not in row(client, "gmv")


def test_the_kpis_of_one_owner_are_shown_alone(client: TestClient) -> None:
    page = client.get("/kpis?owner=revenue&period=day").text
    assert set(re.findall(r'data-kpi="(\w+)"', page)) == {
        "gmv",
        "revenue",
        "take_rate",
        "bookings",
        "average_booking_value",
    }
    assert re.search(r'<option value="revenue" selected>revenue \(5\)</option>', page)
    assert 'href="/kpis?owner=revenue&amp;period=week"' in page, "another period keeps the owner"
    assert '<input type="hidden" name="period" value="day">' in page, "another owner keeps the period"
    refused = client.get("/kpis?owner=nobody")
    assert refused.status_code == 404
    assert "choose one of growth, revenue" in refused.text


def test_titles_are_in_the_order_of_the_alphabet_whatever_their_case(database: Path, client: TestClient) -> None:
    with duckdb.connect(str(database)) as con:
        con.execute("update kpi_catalogue set title = 'ARR' where kpi = 'gmv'")
        con.execute("update kpi_catalogue set title = 'an apple' where kpi = 'revenue'")
    listed = re.findall(r'data-kpi="(\w+)"', client.get("/kpis").text)
    assert listed.index("active_users") < listed.index("revenue") < listed.index("gmv") < listed.index("bookings")


def test_why_this_number_says_why_there_is_no_change(client: TestClient) -> None:
    page = client.get("/dashboards/overview?tenant=rentals&range=custom&from=2026-08-01&to=2026-11-15").text
    assert "No change is shown: the data begins within the compared period" in page
    assert "No change is shown" not in client.get("/dashboards/overview?tenant=rentals&range=7d").text


def test_why_this_number_says_it_too(client: TestClient) -> None:
    page = client.get("/dashboards/overview?tenant=rentals").text
    assert page.count(f"<dt>Alert threshold</dt><dd>{FALLS}</dd>") == 1


def test_a_version_of_before_thresholds_were_published_is_shown_without(database: Path, client: TestClient) -> None:
    with duckdb.connect(str(database)) as con:
        con.execute("alter table kpi_catalogue drop column threshold")
    assert "Alert threshold" not in row(client, "search_to_book_conversion")


def test_where_nothing_is_published_it_says_what_to_do(settings: Settings) -> None:
    with TestClient(create_app(settings)) as empty:
        page = empty.get("/kpis", headers={"accept": "text/html"}).text
    assert "No numbers yet" in page
    assert 'href="/events/send"' in page
    assert "<code>almanac build</code>" in page


def test_the_header_says_in_which_part_one_is(client: TestClient) -> None:
    current = re.compile(r'<a href="[^"]*" aria-current="(\w+)">([^<]+)</a>')
    paths = ("/kpis", "/events/send", "/dashboards/overview?tenant=rentals", "/dashboards/promises?tenant=rentals")
    found = [current.findall(client.get(path).text.partition("<main")[0]) for path in paths]
    assert found == [[("page", "KPIs")], [("true", "Events")], [("page", "Overview")], [("true", "All dashboards")]]


@pytest.mark.parametrize(("tenant", "shown", "figure"), [("advisory", "-", None), ("rentals", "0.0 %", 0)])
def test_a_business_that_takes_no_bookings_has_no_conversion_to_them(
    database: Path, client: TestClient, tenant: str, shown: str, figure: int | None
) -> None:
    """A share of 0 would read as a failure: there is no value, as of whatever else the business never had."""
    kpi = "search_to_book_conversion"
    with duckdb.connect(str(database)) as con:
        con.execute("delete from kpi_values where tenant = 'advisory' and kpi = 'bookings'")
        con.execute("update kpi_values set numerator = 0, value = 0 where kpi = ?", [kpi])
    cells = re.findall(r'data-tenant="(\w+)".*?data-value title="(.*?)"', row(client, kpi), re.DOTALL)
    assert dict(cells)[tenant] == shown
    board = client.get(f"/dashboards/overview?tenant={tenant}").text
    assert (f'data-card="{kpi}"' in board) == (figure is not None)
    told = client.get(f"/api/analytics/kpis/{kpi}?tenant={tenant}").json()["figure"]
    assert (told and told["value"]) == figure
    reaching = {one["kpi"] for one in client.get(f"/api/analytics/freshness?tenant={tenant}").json()["kpis"]}
    assert (kpi in reaching) == (figure is not None)
