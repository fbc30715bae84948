"""What the portal shows to people: pages, files, headers, and what stands where nothing can be shown."""

import csv
import io
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from almanac.settings import Settings
from serving.app import create_app
from tests.serving.asked import RANGE, answer, happened, problem
from tests.serving.published import HOSTILE, note, publish


def test_people_get_errors_as_pages(client: TestClient) -> None:
    response = client.get("/dashboards/nothing", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert "No dashboard is called" in response.text
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["/dashboards/overview", "/kpis", "/events", "/dashboards/overview?range=all", "/kpis?period=day"]
)
def test_pages_are_small_and_run_nothing_of_others(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "'unsafe-eval'" not in policy
    assert "'unsafe-inline'" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    html = response.text
    assert not re.search(r"\sstyle=", html)
    assert not re.search(r"\son[a-z]+=", html)
    assert HOSTILE not in html
    assert all(src.startswith("/") for src in re.findall(r'(?:src|href)="([^"]+)"', html) if not src.startswith("#"))
    assert int(response.headers["content-length"]) < 60_000  # compressed


def test_the_first_view_is_small_without_the_chart_library(client: TestClient) -> None:
    page = client.get("/dashboards/overview")
    total = int(page.headers["content-length"])
    version = re.search(r"/assets/(\w+)/portal\.css", page.text)
    assert version is not None
    for name in ("portal.css", "page.js", "charts.js", "tables.js", "themes.js", "theme.js", "favicon.svg"):
        asset = client.get(f"/assets/{version[1]}/{name}")
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]
        total += int(asset.headers["content-length"])
    assert total < 100_000


def test_the_chart_library_comes_from_this_host_and_may_be_kept_for_ever(client: TestClient) -> None:
    path = re.search(r'data-library="([^"]+)"', client.get("/dashboards/overview").text)
    assert path is not None
    response = client.get(path[1])
    assert "immutable" in response.headers["cache-control"]
    assert int(response.headers["content-length"]) < 400_000
    assert "vegaEmbed" in response.text
    assert client.get("/favicon.ico").headers["content-type"].startswith("image/svg+xml")


def test_home_is_the_only_dashboard(client: TestClient) -> None:
    response = client.get("/?tenant=advisory", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "/dashboards/overview?tenant=advisory")


def test_a_cards_csv_holds_the_stored_values(client: TestClient) -> None:
    response = client.get(f"/dashboards/overview/cards/bookings_by_channel.csv?{RANGE}")
    assert response.headers["content-type"].startswith("text/csv")
    assert (
        'filename="overview-bookings_by_channel-rentals-2026-11-02-2026-11-15.csv"'
        in response.headers["content-disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert sum(Decimal(r["value"]) for r in rows) == happened().sums["bookings"]
    assert {r["dimension"] for r in rows} == {"channel"}
    tile = list(csv.DictReader(io.StringIO(client.get(f"/dashboards/overview/cards/gmv.csv?{RANGE}").text)))
    assert [r["time_grain"] for r in tile] == ["total", "total"]
    assert Decimal(tile[0]["value"]) == happened().sums["amount"]
    table = list(csv.DictReader(io.StringIO(client.get(f"/dashboards/overview/cards/daily.csv?{RANGE}").text)))
    assert len({(r["kpi"], r["period_start"]) for r in table}) == len(table) >= 9 * 13


def test_no_cell_of_a_csv_is_a_formula() -> None:
    from serving.exports import csv_text, file_name

    text = csv_text(["a", "b"], [["=1+1", -5], ["@x", Decimal("1.50")], ["plain", None], ["\tx", datetime(2026, 1, 2)]])
    assert list(csv.reader(io.StringIO(text))) == [
        ["a", "b"], ["'=1+1", "-5"], ["'@x", "1.5"], ["plain", ""], ["'\tx", "2026-01-02T00:00:00"],
    ]  # fmt: skip
    assert file_name("a/b", "c\r\nd", "") == "a-b-c-d.csv"


def test_events_csv_has_the_hostile_name_as_text(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/events/by_event.csv?tenant=rentals&range=all").text)))
    assert HOSTILE in {r["event"] for r in rows}
    received = list(csv.DictReader(io.StringIO(client.get(f"/events/reconciliation.csv?{RANGE}").text)))
    assert len(received) == 14


def test_health_says_whether_there_are_numbers(client: TestClient, tmp_path: Path) -> None:
    assert answer(client, "/health/live") == {"status": "live"}
    assert answer(client, "/health/ready")["data_as_of"] == "2026-11-21T09:12:00Z"
    with TestClient(create_app(Settings.for_home(tmp_path))) as empty:
        assert empty.get("/health/live").status_code == 200
        assert problem(empty, "/health/ready", 503)["code"] == "nothing_published"
        assert problem(empty, "/api/analytics/kpis", 503)["code"] == "nothing_published"


def test_before_the_first_publication_a_page_waits_and_then_turns_into_numbers(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    with TestClient(create_app(settings), headers={"Accept": "text/html"}) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "No numbers yet" in page.text
        assert 'http-equiv="refresh"' in page.text
        note(settings, succeeded=False, attempted_at=datetime(2026, 11, 21, 8), failed=("unique_grain_kpi_values",))
        assert "was stopped by 1 failed check." in client.get("/").text
        publish(settings)
        assert "€" in client.get("/").text


def test_older_numbers_say_so(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    publish(settings)
    with TestClient(create_app(settings)) as client:
        assert "Showing data of" not in client.get("/dashboards/overview").text
        note(
            settings,
            succeeded=False,
            attempted_at=datetime(2026, 11, 21, 10, 5),
            failed=("rows_expected", "late_share"),
        )
        page = client.get("/dashboards/overview").text.replace("\u00a0", " ")
        assert "Showing data of 21 Nov 2026, 10:12 CET." in page
        assert "The build of 21 Nov 2026, 11:05 CET was stopped by 2 failed checks." in page
        assert "rows_expected" in page
        note(settings, succeeded=False, attempted_at=datetime(2026, 11, 21, 10, 5), reason="dbt ended with an error")
        page = client.get("/kpis").text.replace("\u00a0", " ")
        assert "The build of 21 Nov 2026, 10:05 UTC did not finish: dbt ended with an error." in page


def test_a_card_that_cannot_be_shown_leaves_the_page_alone(tmp_path: Path) -> None:
    folder = tmp_path / "root" / "dashboards" / "specs"
    folder.mkdir(parents=True)
    card = "{{id: {0}, type: {1}, {2}, position: {{row: {3}, column: 0}}, size: {{width: 12, height: 3}}}}"
    cards = [
        card.format("gmv", "tile", "kpi: gmv", 0),
        card.format("gone", "tile", "kpi: retired_kpi", 3),
        card.format("mixed", "time_series", "title: M, kpis: [gmv, sessions], time_grain: day", 6),
        card.format(
            "split", "time_series", "title: S, kpis: [take_rate], time_grain: day, dimension: channel, chart: bar", 9
        ),
        card.format("city", "table", "title: C, kpis: [gmv], time_grain: day, dimension: weather", 12),
    ]
    (folder / "one.yml").write_text(f"title: One\ndescription: x\ncards: [{', '.join(cards)}]\n", encoding="utf-8")
    (folder / "two.yml").write_text("title: Two\ncards: nonsense\n", encoding="utf-8")
    settings = Settings.for_home(tmp_path / "home", root=tmp_path / "root")
    publish(settings)
    with TestClient(create_app(settings)) as client:
        page = client.get("/dashboards/one?tenant=rentals").text
        assert page.count("Not shown.") == 4
        assert "The published numbers have no KPI retired_kpi" in page
        assert "different units" in page
        assert "€" in page
        broken = problem(client, "/dashboards/two", 500)
        assert broken["message"].startswith("dashboards/specs/two.yml: ")
        assert client.get("/", follow_redirects=False).headers["location"] == "/dashboards/one"


def test_cards_may_be_split_and_long_ranges_take_a_coarser_time_grain(tmp_path: Path) -> None:
    folder = tmp_path / "root" / "dashboards" / "specs"
    folder.mkdir(parents=True)
    cards = """
title: Split
description: x
cards:
  - {id: lines, type: time_series, title: Conversion per day, kpis: [search_to_book_conversion], time_grain: day,
     dimension: channel, position: {row: 0, column: 0}, size: {width: 24, height: 7}}
  - {id: rows, type: table, title: By channel per week, kpis: [gmv, take_rate, active_users], time_grain: week,
     dimension: channel, position: {row: 7, column: 0}, size: {width: 24, height: 7}}
"""
    (folder / "split.yml").write_text(cards, encoding="utf-8")
    settings = Settings.for_home(tmp_path / "home", root=tmp_path / "root")
    publish(settings)
    with TestClient(create_app(settings)) as client:
        page = client.get(f"/dashboards/split?{RANGE}").text
        assert page.count('<li class="category-') == 6
        body = page[page.index('data-card="rows"') :]
        assert body.count("<tr>") == 1 + 2 * 6 + 1
        assert "active users of single periods does not add up" in body.lower()
        long = client.get("/dashboards/split?tenant=rentals&from=2024-01-01&to=2026-11-21").text
        assert "Conversion per week" in long
        rows = csv.DictReader(io.StringIO(client.get(f"/dashboards/split/cards/rows.csv?{RANGE}").text))
        assert {(r["time_grain"], r["dimension"]) for r in rows} == {("week", "channel")}


def test_events_of_long_ago_are_shown_in_coarser_bars_where_they_happened() -> None:
    from serving.event_tables import count_chart
    from serving.ranges import Span

    three_years = {date(2010, 1, 1) + timedelta(days=n): 2 for n in range(1000)}
    chart = count_chart("Accepted", three_years, Span(date(2009, 1, 1), date(2026, 1, 1)), date(2026, 1, 1))
    assert chart is not None
    bars = chart.spec["datasets"]["bars"]
    assert sum(bar["y"] for bar in bars) == 2000
    assert 140 < len(bars) < 150
    assert count_chart("Accepted", three_years, Span(date(2020, 1, 1), date(2026, 1, 1)), date(2026, 1, 1)) is None


def test_an_event_whose_name_nobody_sees_is_quoted() -> None:
    from serving.event_tables import by_day, by_event

    day = date(2026, 3, 1)
    counts = {name: {day: 1} for name in ("", " \t", "\u200b", " " * 200, "Signed Up ", "é")}
    shown = {
        "(no name)",
        "(blank name: ' \\t')",
        "(blank name: '\\u200b')",
        f"(blank name: '{' ' * 20}')",
        "Signed Up ",
        "é",
    }
    table = by_event({}, counts)
    assert {row[0].text for row in table.rows} == shown
    assert {row[0].plain for row in table.rows} == set(counts)
    assert {column.title for column in by_day(counts, "Day").columns} == shown | {"Day", "Total"}


def test_a_version_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    settings.versions.mkdir(parents=True)
    (settings.versions / "broken.duckdb").write_bytes(b"no database")
    (settings.versions / "CURRENT").write_text("broken", encoding="utf-8")
    with TestClient(create_app(settings)) as client:
        assert problem(client, "/health/ready", 503)["code"] == "unreadable_version"
