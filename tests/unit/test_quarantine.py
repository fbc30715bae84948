"""Refused events on the command line: found by any condition, explained, exported as they came."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.collector.dialects import Found
from ingestion.collector.dialects.bodies import item_of
from ingestion.collector.door import Door
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.quarantine.choice import Choice
from ingestion.quarantine.rows import newest
from ingestion.tracking_plan import load_plan
from tests.refused_events import DAY, Place, land, new_place, noon, rows_of, villa

PLAN = load_plan()
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return new_place(tmp_path)


def booking(n: int, **properties: object) -> dict[str, object]:
    return villa(n, event="Booking Confirmed", properties={"booking_id": f"b{n}", **properties})


def test_the_newest_rejected_events_are_listed_with_field_and_reason(place: Place) -> None:
    assert place.told("list") == ["quarantine is empty"]
    land(place.lake, [villa(1), villa(2)])
    land(place.lake, [villa(3)], NEXT)
    land(place.lake, [villa(4, event="evil\x1b[31m\n")], source="app")
    head, *lines = place.told("list")
    names = ["received", "(UTC)", "name", "tenant", "source", "event", "field", "code", "state", "why"]
    assert head.split() == names
    times = [line[:19] for line in lines]
    assert times == sorted(times, reverse=True)
    assert len(lines) == 4
    assert "Villa Viewed" in lines[0]
    assert "is not in the tracking plan of rentals" in lines[0]
    assert not any("\x1b" in line for line in lines), "what a client sent must not steer the terminal"
    assert [line[:19] for line in place.told("list", "--limit", "2")[1:]] == times[:2]
    assert "The newest 2 are shown" in place.run("list", "--limit", "2").stderr
    assert "are shown" not in place.run("list", "--limit", "4").stderr
    assert place.told("list", "--tenant", "advisory") == ["quarantine is empty for advisory"]
    (whole,) = place.told("list", "--json", "--limit", "1")
    assert json.loads(whole)["reasons"][0]["code"] == "unknown_event"
    assert json.loads(json.loads(whole)["payload"])["userId"] == "user-3"


def test_an_event_whose_name_nobody_sees_is_quoted(place: Place) -> None:
    land(place.lake, [villa(1, event=" \t"), villa(2, event="\u200b"), villa(3, event=" " * 70)])
    _, *lines = place.told("list")
    shown = {"(blank name: ' \\t')", "(blank name: '\\u200b')", f"(blank name: '{' ' * 20}')"}
    assert {text for text in shown for line in lines if text in line} == shown
    of_one = "\n".join(place.told("show", lines[0].split("  ")[1]))
    assert any(f"event     {text}" in of_one for text in shown)


def test_every_condition_chooses(place: Place) -> None:
    lake = place.lake
    land(lake, [villa(1), booking(2), booking(3, amount="much"), villa(4, userId=None)])
    land(lake, [villa(5)], NEXT)
    land(lake, [villa(6)], source="app")
    land(lake, [villa(7)], tenant="advisory")
    for arguments, users in {
        ("--tenant", "advisory"): {7},
        ("--source", "app"): {6},
        ("--code", "invalid_money"): {3},
        ("--code", "missing_identity"): {4},  # not its first reason
        ("--field", "amount"): {2, 3},
        ("--event", "booking_confirmed"): {2, 3},
        ("--event", "Villa Viewed", "--tenant", "rentals", "--source", "web"): {1, 4, 5},
        ("--since", f"{NEXT}"): {5},
        ("--until", f"{DAY}"): {1, 2, 3, 4, 6, 7},
        ("--since", f"{DAY}T12:00:02Z", "--until", f"{DAY}T14:00:03+02:00"): {3},
        ("--state", "waiting", "--tenant", "rentals"): {1, 2, 3, 4, 5, 6},
        ("--code", 'wrong"type'): set(),
    }.items():
        lines = place.told("export", *arguments)
        found = {int(json.loads(json.loads(line)["payload"])["messageId"][-12:], 16) for line in lines}
        assert found == users, arguments
    assert place.told("list", "--code", "no_such_code") == ["no rejected event is of this kind"]


@pytest.mark.parametrize("arguments", [("--since", "yesterday"), ("--until", "2026-02-30"), ("--state", "odd")])
def test_a_condition_that_cannot_be_read_is_wrong_usage(place: Place, arguments: tuple[str, str]) -> None:
    done = place.run("list", *arguments)
    assert done.exit_code == 2
    assert arguments[1] in done.stderr


def test_a_tenant_that_nobody_knows_is_named(place: Place) -> None:
    done = place.run("list", "--tenant", "nobody")
    assert isinstance(done.exception, AlmanacError)
    assert "use one of advisory" in str(done.exception)


def test_an_export_holds_what_came_byte_for_byte(place: Place, tmp_path: Path) -> None:
    messages = [b'{"type": "track",', b'{"a": 1e999}', b"\xff\xfe", b"[1]"]
    land(place.lake, [*messages, villa(1, properties={"villa": "Zürich", "price": 1.10})])
    file = tmp_path / "out.jsonl"
    done = place.run("export", "--output", str(file))
    assert "exported 5 events" in done.stderr
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["payload"] for row in rows[:4]] == ['{"type": "track",', '{"a": 1e999}', "\ufffd\ufffd", "[1]"]
    assert json.loads(rows[4]["payload"]) == villa(1, properties={"villa": "Zürich", "price": 1.10})
    assert [row["ingest_row"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["code"] == rows[0]["reasons"][0]["code"] == "unreadable"


def test_an_export_replaces_its_file_whole_or_not_at_all(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    land(place.lake, [villa(1), villa(2)])
    land(place.lake, [villa(3)], NEXT)
    place.run("export", "--output", str(file))
    whole = file.read_text()
    assert len(whole.splitlines()) == 3
    newest_file = max(place.lake.entries("quarantine"), key=lambda entry: entry.received_max or "")
    damaged = Path(place.lake.locate(newest_file.path))
    kept = damaged.read_bytes()
    damaged.write_bytes(b"x" + kept[1:])
    assert isinstance(place.run("export", "--output", str(file)).exception, AlmanacError)
    assert file.read_text() == whole, "half an export must not pass for one"
    damaged.write_bytes(kept)
    assert "exported 0 events" in place.run("export", "--code", "no_such_code", "--output", str(file)).stderr
    assert file.read_text() == "", "an old export must not pass for a new one"
    assert not list(tmp_path.glob(".out*"))
    assert place.run("export", "--output", "/dev/null").exit_code == 0
    assert Path("/dev/null").is_char_device()
    assert "choose another --output" in str(place.run("export", "--output", str(file / "in.jsonl")).exception)


def test_an_event_is_shown_with_every_reason_and_what_to_do(place: Place) -> None:
    land(place.lake, [villa(1), booking(2, amount="much", nights="two")])
    unknown, wrong = (line.split("  ")[1] for line in sorted(place.told("list")[1:]))
    text = "\n".join(place.told("show", wrong))
    assert "amount  invalid_money: amount of booking_confirmed: expected money" in text
    assert "nights  wrong_type" in text
    assert "plan  amount: money, required (ingestion/tracking_plan/booking_confirmed.yml)" in text
    assert "rentals sends it as 'total' in 'Booking Confirmed'" in text
    assert '"nights": "two"' in text
    assert "still rejected" in text
    text = "\n".join(place.told("show", unknown))
    assert "names of rentals: Booking Cancelled, Booking Confirmed" in text
    assert "ingestion/tracking_plan/tenants/rentals.yml" in text
    place.mend()
    assert "would be accepted: almanac quarantine replay --tenant rentals" in place.told("show", unknown)[-1]


@pytest.mark.parametrize(("name", "why"), [("nonsense", "names no refused"), ("ffffffff:7", "no refused event")])
def test_an_event_that_is_not_there_cannot_be_shown(place: Place, name: str, why: str) -> None:
    done = place.run("show", name)
    assert isinstance(done.exception, AlmanacError)
    assert why in str(done.exception)


@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=5), min_size=1, max_size=4), st.integers(1, 8))
@settings(max_examples=10, deadline=None)
def test_the_newest_are_the_newest_however_files_overlap(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[int]], limit: int
) -> None:
    lake = Lake.open(Settings.for_home(tmp_path_factory.mktemp("lake")), PLAN)
    for index, seconds in enumerate(files):
        arrivals = [Arrival(noon(n), villa(n)) for n in seconds]
        lake.land("rentals", "web", arrivals, content_hash=f"c{index}", received={date(2026, 3, 1): len(arrivals)})
    shown = [row.received_at.second for row in newest(lake, Choice(), limit)]
    assert shown == sorted((n for file in files for n in file), reverse=True)[:limit]


@pytest.mark.parametrize(("name", "value"), [("nights", 10**30), ("total", 10**45), ("nights", "1" * 30)])
def test_a_number_that_is_too_large_is_refused_in_the_words_that_its_client_heard(
    place: Place, name: str, value: Any
) -> None:
    message = booking(1, **{"total": 1, name: value})
    (verdict,) = Door(place.lake.plan).judge(Found([item_of(message)], is_batch=True), "rentals", "web", noon())
    (heard,) = verdict.reasons
    land(place.lake, [message])
    (row,) = rows_of(place.lake, "quarantine")
    assert json.loads(row["reasons"]) == [{"field": heard.field, "code": heard.code, "message": heard.message}]
    assert json.loads(row["payload"])["properties"][name] == str(value)
    # Judged again, the number is text.
    shown = place.told("show", f"{row['file_id']}:{row['ingest_row']}")
    assert shown[-1] == f"by the plan as it is now it is still rejected: {heard.message}"


def test_a_large_number_is_no_text_in_the_words_about_it(place: Place) -> None:
    """Also where no text is expected, and where something else was found beside it, which is masked there."""
    land(place.lake, [villa(1, event=10**30), villa(2, event="to a@b.example", properties={"villa": 10**30})])
    numbered, named = sorted(rows_of(place.lake, "quarantine"), key=lambda row: row["ingest_row"])
    assert (numbered["code"], json.loads(numbered["payload"])["event"]) == ("invalid_event_name", str(10**30))
    assert (named["code"], "a@b.example" in named["reasons"] + named["payload"]) == ("unknown_event", False)
