"""The page "Send an event": its commands, and what it says became of an event."""

import json
import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import duckdb
import pytest
from fastapi.testclient import TestClient

from almanac.errors import AlmanacError
from almanac.event_lineage import kpis_by_event, source_events
from almanac.house.lineage import check_source_events
from almanac.kpis import load_catalogue
from almanac.settings import ROOT, Settings
from ingestion.collector import records
from ingestion.collector.door import Verdict
from ingestion.collector.land_log import land_file
from ingestion.collector.log_files import LogFile
from ingestion.envelope import Arrival, EventRow, QuarantineRow, to_row
from ingestion.lake import Lake
from ingestion.lake_find import find
from ingestion.tracking_plan import load_plan
from serving.app import create_app
from serving.sending import KEY, sample
from tests.serving.published import publish

PLAN = load_plan(ROOT)
ID = "1f1b6f0e-26e3-4f80-8d7a-3d6c4dd2f6d1"
NOW = datetime.now(UTC)


@pytest.mark.parametrize("event", sorted(PLAN.events))
def test_every_sample_is_accepted_as_the_event_that_it_shows(event: str) -> None:
    made = sample(PLAN, event, ID)
    row = to_row(PLAN, "rentals", "web", Arrival(NOW, _as_received(made.message, made.path)))
    assert isinstance(row, EventRow), row
    assert (row.event, made.mistake) == (event, "")
    assert row.message_id == UUID(ID).bytes


@pytest.mark.parametrize("event", sorted(PLAN.events))
def test_every_wrong_sample_is_refused(event: str) -> None:
    made = sample(PLAN, event, ID, is_wrong=True)
    row = to_row(PLAN, "rentals", "web", Arrival(NOW, _as_received(made.message, made.path)))
    assert isinstance(row, QuarantineRow)
    assert made.mistake


def test_the_command_survives_a_shell() -> None:
    words = shlex.split(sample(PLAN, "search_performed", ID).command("http://127.0.0.1:8088/"))
    assert words[:3] == ["curl", "-sS", "http://127.0.0.1:8088/v1/track"]
    assert words[words.index("-u") + 1] == f"{KEY}:"
    assert json.loads(words[words.index("-d") + 1])["messageId"] == ID


def _as_received(message: dict[str, Any], path: str) -> dict[str, Any]:
    return {**message, "type": path.rsplit("/", 1)[-1]}


def test_kpis_of_an_event_are_those_whose_facts_it_makes() -> None:
    found = kpis_by_event(ROOT, load_catalogue(ROOT), PLAN.events)
    assert {"gmv", "bookings"} <= set(found["booking_cancelled"])
    assert "gmv" not in found["search_performed"]
    assert "searches" in found["search_performed"]
    assert "searches" not in found["page_viewed"]
    assert all("sessions" in names for names in found.values())


@pytest.mark.parametrize(
    ("meta", "finding"),
    [
        ("", "must list the events"),
        ("source_events: []", "must list the events"),
        ("source_events: booking_confirmed", "must list the events"),
        ("source_events: [never_heard_of]", "is not in the tracking plan"),
        ("source_events: [booking_confirmed]", ""),
        ("source_events: all", ""),
    ],
)
def test_a_fact_with_measures_names_its_events(meta: str, finding: str, tmp_path: Path) -> None:
    file = tmp_path / "dbt_project" / "models" / "marts" / "fact_a.yml"
    file.parent.mkdir(parents=True)
    file.write_text(
        "models:\n- name: fact_a\n  config: {meta: {" + meta + "}}\n  metrics: [{name: n, type: simple, agg: count}]\n"
    )
    said = [str(found) for found in check_source_events(tmp_path, PLAN.events)]
    assert len(said) == bool(finding)
    assert finding in "".join(said)
    if "must list" in finding:
        with pytest.raises(AlmanacError, match=r"fact_a\.yml"):
            source_events(tmp_path)


def _land(settings: Settings, message: dict[str, Any], at: datetime = NOW) -> None:
    Lake.open(settings).land(
        "rentals", "web", [Arrival(at, message)], content_hash=sha256(repr((message, at)).encode()).hexdigest(),
        received={at.date(): 1},
    )  # fmt: skip


def _search(message_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "search_performed", "messageId": message_id, "anonymousId": "v", **more}


def test_find_gives_the_first_copy_of_the_last_two_days(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    lake = Lake.open(settings)
    assert find(lake, "rentals", UUID(ID)) is None
    _land(settings, _search(ID, context={"ip": "203.0.113.1"}))
    _land(settings, _search(ID), NOW - timedelta(minutes=1))
    _land(settings, _search(str(uuid4())), NOW - timedelta(minutes=2))
    place = find(lake, "rentals", UUID(ID))
    assert place is not None
    assert place.received_at == (NOW - timedelta(minutes=1)).replace(tzinfo=None)
    assert (place.event, place.ingest_row, place.reasons) == ("search_performed", 0, ())
    assert place.path in {entry.path for entry in lake.entries("events")}
    assert find(lake, "advisory", UUID(ID)) is None
    assert find(lake, "rentals", UUID(ID), now=NOW.replace(tzinfo=None) + timedelta(days=3)) is None


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of versions with one that holds the event ID."""
    made = Settings.for_home(tmp_path_factory.mktemp("published"))
    with duckdb.connect(str(publish(made).path)) as con:
        con.execute("create table fact_events (tenant varchar, message_id uuid)")
        con.execute("insert into fact_events values ('rentals', ?)", [UUID(ID)])
    return made.versions


@pytest.fixture
def settings(published: Path, tmp_path: Path) -> Settings:
    made = Settings.for_home(tmp_path)
    made.log_dir.mkdir()
    shutil.copytree(published, made.versions)
    return made


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        yield made


def _trace(client: TestClient, message_id: str) -> dict[str, Any]:
    response = client.get("/events/trace", params={"tenant": "rentals", "message_id": message_id})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_an_event_is_followed_to_the_published_numbers(client: TestClient, settings: Settings) -> None:
    assert _trace(client, ID) == {"state": "unknown"}
    _land(settings, _search(ID))
    found = _trace(client, ID)
    assert (found["state"], found["row"], found["event"]) == ("counted", 0, "search_performed")
    other = str(uuid4())
    _land(settings, _search(other))
    assert _trace(client, other)["state"] == "landed"


def test_an_acknowledged_event_is_seen_before_it_is_landed(client: TestClient, settings: Settings) -> None:
    wrong = str(uuid4())
    log = LogFile(settings.log_dir / "wal-1-000001.log")
    events = (_search(ID), {**_search(wrong), "event": "never_heard_of"})
    log.append([records.encode("rentals", "web", NOW, 2, [Verdict(json.dumps(event).encode()) for event in events])])
    found = _trace(client, ID)
    assert (found["state"], found["path"], found["event"]) == ("acknowledged", "", "search_performed")
    refused = _trace(client, wrong)
    assert (refused["state"], refused["path"]) == ("refused", "")
    assert [r["field"] for r in refused["reasons"]] == ["event"]
    log.close()
    assert land_file(Lake.open(settings), log.path) == (1, 1)
    assert _trace(client, ID)["path"].startswith("events/")
    assert _trace(client, wrong)["path"].startswith("quarantine/")


def test_a_refused_event_says_why(client: TestClient, settings: Settings) -> None:
    _land(settings, {"type": "track", "event": "never_heard_of", "messageId": ID, "anonymousId": "v"})
    found = _trace(client, ID)
    assert found["state"] == "refused"
    assert found["path"].startswith("quarantine/")
    assert [r["field"] for r in found["reasons"]] == ["event"]


def test_the_page_works_before_anything_was_published(tmp_path: Path) -> None:
    with TestClient(create_app(Settings.for_home(tmp_path)), raise_server_exceptions=False) as client:
        page = client.get("/events/send?tenant=advisory&event=booking_confirmed")
        assert page.status_code == 200
        assert "curl -sS http://127.0.0.1:8088/v1/track" in page.text
        assert "almanac keys create --tenant advisory" in page.text
        assert _trace(client, ID) == {"state": "unknown"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/events/send?tenant=nobody", 404),
        ("/events/send?event=nothing", 404),
        ("/events/trace?tenant=rentals&message_id=x", 422),
        ("/events/trace?message_id=" + ID, 422),
        ("/events/trace?tenant=nobody&message_id=" + ID, 404),
    ],
)
def test_bad_parameters_are_named(client: TestClient, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.json()["code"] in {"unknown_tenant", "unknown_event", "bad_parameter"}
