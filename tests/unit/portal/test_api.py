"""What the portal answers to programs: values, lists, errors, and who may ask."""

import base64
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient

from tests.serving.asked import FIRST, LAST, RANGE, answer, happened, problem


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
