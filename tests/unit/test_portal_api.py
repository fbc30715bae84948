"""The portal's addresses: pages, API, CSV, errors, headers."""

import base64
import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from almanac.settings import Settings
from serving.app import create_app
from tests.serving.businesses import RENTALS, Parts, days
from tests.serving.published import HOSTILE, note, publish

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 15)
RANGE = f"tenant=rentals&from={FIRST}&to={LAST}"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings.for_home(tmp_path_factory.mktemp("portal"))
    publish(made)
    return made


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        yield made


def happened(first: date = FIRST, last: date = LAST) -> Parts:
    """What the made-up business did in a range, added up from its days."""
    sums = Parts()
    for day, _, parts in days(RENTALS):
        if first <= day <= last:
            sums.add(parts)
    return sums


def answer(client: TestClient, path: str) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def problem(client: TestClient, path: str, status: int) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "code", "message"} <= found.keys()
    assert found["status"] == status
    return found


def test_a_total_is_what_happened(client: TestClient) -> None:
    found = answer(client, f"/api/analytics/kpis/gmv?{RANGE}")
    expected = happened().sums["amount"]
    assert Decimal(str(found["figure"]["value"])) == expected
    assert found["figure"]["period"] == "total"
    assert found["figure"]["formatted"] == f"€{expected:,.2f}"
    assert (
        Decimal(str(found["compared"]["value"])) == happened(FIRST - timedelta(14), LAST - timedelta(14)).sums["amount"]
    )
    assert (found["from"], found["to"], found["currency"]) == ("2026-11-02", "2026-11-15", "EUR")
    assert len(found["series"][0]["points"]) == 14


def test_a_ratio_is_the_ratio_of_what_happened(client: TestClient) -> None:
    found = answer(client, f"/api/analytics/kpis/search_to_book_conversion?{RANGE}")["figure"]
    sums = happened().sums
    assert (found["numerator"], found["denominator"]) == (float(sums["converted"]), float(sums["searching"]))
    assert found["value"] == pytest.approx(float(sums["converted"] / sums["searching"]), rel=1e-12)


def test_distinct_users_are_never_added_up(client: TestClient) -> None:
    found = answer(client, f"/api/analytics/kpis/active_users?{RANGE}")
    assert found["figure"]["label"].replace("\u00a0", " ") == "week of 9 Nov 2026"
    assert found["figure"]["value"] == len(happened(date(2026, 11, 9), LAST).users)
    assert found["compared"]["value"] == len(happened(FIRST, date(2026, 11, 8)).users)


def test_a_series_can_be_split_by_a_dimension_and_by_a_time_grain(client: TestClient) -> None:
    found = answer(client, f"/api/analytics/kpis/sessions?{RANGE}&period=week&groupBy=channel&compareTo=none")
    assert [s["group"] for s in found["series"]] == ["affiliate", "direct", "email", "organic", "paid", "social"]
    assert sum(p["value"] for s in found["series"] for p in s["points"]) == float(happened().sums["sessions"])
    assert (found["compared"], found["change"], found["period"]) == (None, None, "week")


def test_a_kpi_that_says_so_can_be_asked_by_hour(client: TestClient) -> None:
    found = answer(client, f"/api/analytics/kpis/sessions/hours?{RANGE}")
    starts = [datetime.fromisoformat(hour["hour_start"]) for hour in found["hours"]]
    assert (starts[0], starts[-1]) == (datetime(2026, 11, 2, 11), datetime(2026, 11, 15, 23))
    assert starts == sorted(starts)
    assert sum(hour["value"] for hour in found["hours"]) == float(happened().sums["sessions"])
    listed = {kpi["kpi"]: kpi["time_grains"] for kpi in answer(client, "/api/analytics/kpis")["kpis"]}
    assert listed["sessions"] == ["hour", "day", "week", "month", "quarter"]
    assert listed["active_users"] == ["day", "week", "month", "quarter"]


def test_an_empty_range_has_no_value_and_not_zero(client: TestClient) -> None:
    found = answer(client, "/api/analytics/kpis/gmv?tenant=rentals&from=2020-01-01&to=2020-01-07")
    assert (found["figure"], found["series"]) == (None, [])
    assert found["change"]["formatted"] == "n/a"


def test_the_catalogue_lists_kpis_and_tenants(client: TestClient) -> None:
    found = answer(client, "/api/analytics/kpis")
    assert [t["tenant"] for t in found["tenants"]] == ["advisory", "rentals"]
    gmv = next(k for k in found["kpis"] if k["kpi"] == "gmv")
    assert (gmv["checks"] - gmv["checks_passed"], gmv["denominator"], gmv["is_additive"]) == (1, None, True)
    assert found["publication"]["data_as_of"] == "2026-11-21T09:12:00Z"
    assert gmv["threshold"] is None
    conversion = next(k for k in found["kpis"] if k["kpi"] == "search_to_book_conversion")
    words = "falls by more than 20 % against the period before"
    assert conversion["threshold"] == {"above": None, "below": None, "falls_by": 0.2, "formatted": words}


def test_events_balance_per_day(client: TestClient) -> None:
    found = answer(client, f"/api/analytics/events?{RANGE}")
    assert len(found["reconciliation"]) == 14
    terms = ("accepted", "duplicate", "quarantined", "suppressed", "erased")
    assert all(r["received"] == sum(r[t] for t in terms) and r["difference"] == 0 for r in found["reconciliation"])
    assert sum(r["events"] for r in found["quarantined"]) == sum(r["quarantined"] for r in found["reconciliation"])
    assert all(r["within_minute"] < r["within_hour"] < r["within_day"] < r["accepted"] for r in found["reconciliation"])
    assert {(d["property"], d["drift"]) for d in found["drift"]} == {
        ("coupon", "new"), ("amount", "type_changed"), ("city", "missing"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/analytics/kpis/profit", 404, "unknown_kpi"),
        ("/api/analytics/kpis/gmv?tenant=nobody", 404, "unknown_tenant"),
        ("/api/analytics/kpis/gmv?from=yesterday", 400, "bad_date"),
        ("/api/analytics/kpis/gmv?from=2026-02-30", 400, "bad_date"),
        ("/api/analytics/kpis/gmv?from=2026-11-02&to=2026-11-01", 400, "bad_range"),
        ("/api/analytics/kpis/gmv?from=1900-01-01&to=1900-01-02", 400, "bad_range"),
        ("/api/analytics/kpis/gmv?from=2000-01-01&to=2026-11-01", 400, "range_too_long"),
        ("/api/analytics/kpis/gmv?range=5d", 400, "bad_range"),
        ("/api/analytics/kpis/gmv?period=hour", 422, "bad_parameter"),
        ("/api/analytics/kpis/active_users/hours", 400, "undeclared_time_grain"),
        ("/api/analytics/kpis/profit/hours", 404, "unknown_kpi"),
        ("/api/analytics/kpis/gmv?compareTo=last_year", 422, "bad_parameter"),
        ("/api/analytics/kpis/gmv?groupBy=weather", 400, "undeclared_dimension"),
        ("/api/analytics/kpis/gmv?groupBy='%20or%201=1", 400, "undeclared_dimension"),
        ("/api/analytics/nothing", 404, "not_found"),
        ("/dashboards/nothing", 404, "unknown_dashboard"),
        ("/dashboards/..%2F..%2Fsecret", 404, "not_found"),
        ("/dashboards/overview/cards/nothing.csv", 404, "unknown_card"),
        ("/events/nothing.csv", 404, "unknown_table"),
        ("/assets/x/nothing.js", 404, "unknown_file"),
    ],
)
def test_what_cannot_be_answered_says_why(client: TestClient, path: str, status: int, code: str) -> None:
    assert problem(client, path, status)["code"] == code


def test_a_method_that_is_not_allowed_says_so(client: TestClient) -> None:
    response = client.post("/api/analytics/kpis")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET"


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


def test_a_version_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    settings.versions.mkdir(parents=True)
    (settings.versions / "broken.duckdb").write_bytes(b"no database")
    (settings.versions / "CURRENT").write_text("broken", encoding="utf-8")
    with TestClient(create_app(settings)) as client:
        assert problem(client, "/health/ready", 503)["code"] == "unreadable_version"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer alm_aaaaaaaaaaaaaaaaaaaaaaaa"},
        {"authorization": f"Basic {base64.b64encode(b'alm_aaaaaaaaaaaaaaaaaaaaaaaa:').decode()}"},
        {"X-Write-Key": "id:alm_aaaaaaaaaaaaaaaaaaaaaaaa"},
    ],
)
def test_a_write_key_reads_nothing(client: TestClient, headers: dict[str, str]) -> None:
    for method, path in (("GET", f"/api/analytics/kpis?{RANGE}"), ("POST", "/api/analytics/track"), ("GET", "/api/x")):
        response = client.request(method, path, headers=headers)
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["x-frame-options"] == "DENY"
        assert "http://127.0.0.1:8088" in response.json()["message"]
        assert "alm_" not in response.text
    assert client.get("/health/live", headers=headers).status_code == 200
    assert client.get(f"/api/analytics/kpis?{RANGE}", headers={"authorization": "Bearer other"}).status_code == 200


def test_the_api_is_described(client: TestClient) -> None:
    paths = answer(client, "/api/openapi.json")["paths"]
    assert {"/api/analytics/kpis/{kpi}", "/api/analytics/events", "/health/ready"} <= paths.keys()
    names = {p["name"] for p in paths["/api/analytics/kpis/{kpi}"]["get"]["parameters"]}
    assert names == {"kpi", "tenant", "range", "from", "to", "compareTo", "period", "groupBy"}
