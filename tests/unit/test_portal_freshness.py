"""The portal's page of freshness, its CSV files and its API."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from fastapi.testclient import TestClient

from almanac.settings import Settings
from almanac.state import Shown, open_state, remember_shown
from almanac.versions import current
from expectations.promises import load_promises
from ingestion.lake import Lake
from serving.app import create_app
from tests.serving.published import DATA_AS_OF, publish
from tests.small_lake import FIRST_DAY, land_day

PAGE, API = "/freshness", "/api/analytics/freshness"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A version that was published an hour ago, with all that had arrived."""
    own = Settings.for_home(tmp_path)
    publish(own)
    land_day(own, FIRST_DAY)
    return own


def shown(settings: Settings, until: datetime, at: datetime = NOW - timedelta(hours=1)) -> None:
    """Readers are shown what arrived until then."""
    state = open_state(settings)
    remember_shown(state, Shown(f"at {at}", at, until, None))
    state.close()


def newest_arrival(settings: Settings) -> datetime:
    newest = max(str(e.received_max) for e in Lake.open(settings).entries("events"))
    return datetime.fromisoformat(newest).replace(tzinfo=UTC)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        yield made


def table(client: TestClient, name: str) -> list[dict[str, str]]:
    answer = client.get(f"{PAGE}/{name}.csv?tenant=rentals&range=all")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_what_is_published_in_time_is_a_promise_that_is_kept(settings: Settings, client: TestClient) -> None:
    shown(settings, newest_arrival(settings))
    [promise] = load_promises(settings.root)
    answer = client.get(f"{API}?tenant=rentals").json()
    assert answer["waiting_since"] is None
    [told] = answer["promises"]
    assert (told["promise"], told["kept"], told["budget_left"], told["broken_since"]) == (promise.name, 1.0, 1.0, None)
    page = client.get(f"{PAGE}?tenant=rentals").text
    assert "As fresh as promised." in page
    assert "waits for being published now" in page


def test_what_waits_too_long_is_said_to_its_tenant_and_breaks_the_promise(
    settings: Settings, client: TestClient
) -> None:
    until = newest_arrival(settings) - timedelta(seconds=10)  # the landing has events before and after it
    shown(settings, until, at=until)
    answer = client.get(f"{API}?tenant=rentals").json()
    assert datetime.fromisoformat(answer["waiting_since"]) == until
    assert answer["promises"][0]["broken_since"] is not None
    assert client.get(f"{API}?tenant=advisory").json()["waiting_since"] is None
    page = client.get(f"{PAGE}?tenant=rentals").text
    assert "Not as fresh as promised:" in page
    assert "what the oldest arrival has waited" in page
    assert "docs/runbooks/late-data.md" in page


def test_a_publication_without_new_data_makes_nothing_older(settings: Settings, client: TestClient) -> None:
    older, newest = DATA_AS_OF.replace(tzinfo=UTC) - timedelta(hours=1), DATA_AS_OF.replace(tzinfo=UTC)
    version = current(settings)
    assert version
    with duckdb.connect(str(version.path)) as con:  # the same data, published again two hours later
        con.execute("update publication set published_at = published_at + interval 2 hour")
    for until, minutes in ((older, 0), (newest, 4), (newest, 123)):
        shown(settings, until, at=newest + timedelta(minutes=minutes))
    for path in (PAGE, "/events"):
        page = client.get(f"{path}?tenant=rentals").text.replace("\u00a0", " ")
        assert "<b>4 min</b><span>from the newest arrival to published numbers" in page, path


def test_without_a_memory_of_publications_the_versions_own_time_counts(client: TestClient) -> None:
    for path in (PAGE, "/events"):
        page = client.get(f"{path}?tenant=rentals").text.replace("\u00a0", " ")
        assert "<b>3 min</b><span>from the newest arrival to published numbers" in page, path


def test_each_kpi_says_how_far_it_reaches(settings: Settings, client: TestClient) -> None:
    version = current(settings)
    assert version
    with duckdb.connect(str(version.path), read_only=True) as con:
        newest = dict(
            con.execute(
                "select kpi, max(period_start) from kpi_values where tenant = 'rentals' and time_grain = 'day' "
                "and dimension = 'all' and value is not null group by kpi"
            ).fetchall()
        )
    told = {one["kpi"]: one for one in client.get(f"{API}?tenant=rentals").json()["kpis"]}
    assert {kpi: one["newest_day"] for kpi, one in told.items()} == {k: day.isoformat() for k, day in newest.items()}
    last = max(newest.values())
    assert {kpi: one["days_behind"] for kpi, one in told.items()} == {k: (last - d).days for k, d in newest.items()}
    assert len(table(client, "kpis")) == len(newest)


def test_sources_say_how_soon_their_events_arrive(client: TestClient) -> None:
    arrivals = client.get("/api/analytics/events?tenant=rentals&range=all").json()["reconciliation"]
    [row] = [row for row in table(client, "sources") if "web" in row.values()]
    accepted = sum(day["accepted"] for day in arrivals)
    assert str(accepted) in row.values()
    within = round(sum(day["within_hour"] for day in arrivals) / accepted, 6)
    assert any(value.startswith(str(within)[:6]) for value in row.values())


def test_a_lake_that_cannot_be_read_is_said_and_hides_no_other_page(settings: Settings, client: TestClient) -> None:
    shown(settings, NOW)
    for document in (settings.lake / "manifest").glob("*.json"):
        document.write_text("{", encoding="utf-8")
    answer = client.get(f"{API}?tenant=rentals")
    assert (answer.status_code, answer.json()["code"]) == (503, "freshness_unknown")
    assert client.get("/kpis").status_code == 200


def test_before_anything_is_measured_that_is_said(client: TestClient) -> None:
    assert client.get(f"{API}?tenant=rentals").json()["promises"][0]["kept"] is None
    assert "Not measured yet" in client.get(f"{PAGE}?tenant=rentals").text


def test_an_unknown_table_is_named(client: TestClient) -> None:
    answer = client.get(f"{PAGE}/nothing.csv")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_table")
