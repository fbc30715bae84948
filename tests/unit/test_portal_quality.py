"""The portal's page of data quality, its CSV files and its API."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from almanac import quality
from almanac.checks import CheckResult
from almanac.settings import Settings
from serving.app import create_app
from tests.serving.judged import LAST, REFUSED, REFUSED_DAY, WARNED_SINCE, WARNING, judge
from tests.serving.published import HOSTILE, publish

PAGE, API = "/quality", "/api/analytics/data-quality"
DAYS = 21


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings.for_home(tmp_path_factory.mktemp("quality"))
    publish(settings)
    judge(settings, DAYS)
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[tuple[Settings, TestClient]]:
    """A version was published, and nothing was judged yet."""
    settings = Settings.for_home(tmp_path)
    publish(settings)
    with TestClient(create_app(settings)) as made:
        yield settings, made


def answer(client: TestClient, parameters: str = "tenant=rentals&range=all") -> dict[str, Any]:
    response = client.get(f"{API}?{parameters}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def rows(client: TestClient, table: str, parameters: str = "tenant=rentals&range=all") -> list[dict[str, str]]:
    response = client.get(f"{PAGE}/{table}.csv?{parameters}")
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text)))


def test_scores_are_those_of_the_newest_day_beside_a_week_before(client: TestClient) -> None:
    found = {one["subject"]: one for one in answer(client)["subjects"]}
    assert (found["rentals/web"]["score"], found["rentals/web"]["score_before"]) == (1.0, 1.0)
    bookings = found["fact_bookings"]
    assert (bookings["score"], bookings["score_before"], bookings["warned"]) == (0.9, 1.0, 1)
    assert bookings["failed_checks"] == [WARNING]
    by_subject = {row["subject"]: row for row in rows(client, "models")}
    assert float(by_subject["fact_bookings"]["score"]) == 0.9
    assert float(by_subject["fact_bookings"]["change"]) == pytest.approx(-10)
    assert "days" not in by_subject["fact_bookings"]  # a line is nothing for a CSV
    assert next(iter(by_subject)) == "fact_bookings", "the worst comes first"


def test_a_refused_build_stays_visible_on_its_day(client: TestClient) -> None:
    (day,) = [d for d in answer(client)["days"] if d["failed"]]
    assert (day["day"], day["subject"], day["failed_checks"]) == (REFUSED_DAY.isoformat(), "rentals/web", [REFUSED])
    assert day["score"] == pytest.approx(11 / 12)


def test_failures_say_from_when_until_when_and_what_to_do(client: TestClient) -> None:
    found = {one["check"]: one for one in answer(client)["failures"]}
    refused, warned = found[REFUSED], found[WARNING]
    assert (refused["failed_at"][:16], refused["passed_at"][:16]) == (f"{REFUSED_DAY}T09:20", f"{REFUSED_DAY}T15:20")
    assert (warned["failed_at"][:10], warned["passed_at"], warned["severity"]) == (f"{WARNED_SINCE}", None, "warn")
    assert refused["runbook"] == "docs/runbooks/pipeline-failure.md", "it has stopped a publication"
    assert client.get("/runbooks/pipeline-failure.md").text.startswith("# Numbers are not published")
    assert client.get("/runbooks/..%2fdecisions.md").status_code == 404
    first, second = rows(client, "failures")
    assert (first["check"], second["check"]) == (WARNING, REFUSED)
    assert second["lasted"].replace("\u00a0", " ") == "6 h"


def test_the_page_says_whether_numbers_can_be_believed_and_runs_nothing_of_others(client: TestClient) -> None:
    text = client.get(f"{PAGE}?tenant=rentals").text
    assert "! 1 check warns now" in text
    assert 'href="/runbooks/pipeline-failure.md"' in text
    assert 'href="/quality/expectations/"' in text
    assert 'aria-current="page">Data quality</a>' in text
    assert HOSTILE not in text


def test_a_tenant_sees_all_models_and_its_own_sources(client: TestClient) -> None:
    for tenant, source in (("rentals", "rentals/web"), ("advisory", "advisory/web")):
        found = answer(client, f"tenant={tenant}&range=all")
        assert {d["subject"] for d in found["days"] if d["subject_kind"] == "source"} == {source}
        assert {f["subject"] for f in found["failures"]} <= {source, "fact_bookings"}
    assert len(rows(client, "days")) == DAYS * 8  # seven models, one source


def test_a_range_without_judgements_is_empty_and_says_so(client: TestClient) -> None:
    text = client.get(f"{PAGE}?tenant=rentals&from=2025-01-01&to=2025-01-31").text
    assert "No check was judged between" in text
    found = answer(client, "tenant=rentals&from=2025-01-01&to=2025-01-31")
    assert (found["from"], found["to"], found["days"], found["subjects"]) == ("2025-01-01", "2025-01-31", [], [])


def test_before_the_first_judgement_the_page_says_what_to_do_and_makes_no_state(
    bare: tuple[Settings, TestClient],
) -> None:
    settings, client = bare
    assert "No checks have run yet" in client.get(PAGE, headers={"accept": "text/html"}).text
    assert answer(client, "tenant=rentals")["days"] == []
    assert client.get(f"{PAGE}/days.csv").json()["code"] == "nothing_judged"
    assert client.get("/quality/expectations/").json()["code"] == "no_expectations"
    assert not (settings.home / "state.db").exists()


def test_a_refusal_is_on_the_page_at_once(bare: tuple[Settings, TestClient]) -> None:
    settings, client = bare
    at = datetime.combine(LAST, datetime.min.time(), UTC) + timedelta(days=1)
    quality.record(settings, [CheckResult("r", "expectation", "rentals/web", "error", False)], is_whole=True, at=at)
    assert "✗ 1 check fails now" in client.get(f"{PAGE}?tenant=rentals").text


def test_expectations_are_served_with_their_style_and_nothing_else(client: TestClient) -> None:
    page = client.get("/quality/expectations/")
    assert page.status_code == 200
    assert "Expectations on arriving data" in page.text
    assert "unsafe-inline" not in page.headers["content-security-policy"]
    assert client.get("/quality/expectations/style.css").headers["content-type"].startswith("text/css")
    assert client.get("/quality/expectations/.lock").status_code == 404


@pytest.mark.parametrize("path", [f"{PAGE}/nothing.csv", f"{PAGE}?tenant=nobody", f"{API}?tenant=nobody"])
def test_what_is_not_there_is_named(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "there is" in response.json()["message"] or "choose one of" in response.json()["message"]
