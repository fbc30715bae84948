"""Replaying refused events: each lands once, as a new arrival with its own id and time, whoever tries and dies."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.state import open_state, suppress
from ingestion.envelope import MAX_EVENT_BYTES, Arrival, EventRow, to_row
from ingestion.quarantine import replay as module
from ingestion.quarantine.again import Again
from ingestion.quarantine.choice import Choice
from ingestion.quarantine.replay import replay
from ingestion.tracking_plan import Reason
from tests.refused_events import DAY, REPOSITORY, Place, land, new_place, noon, rows_of, villa


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return new_place(tmp_path)


def counts(place: Place) -> dict[str, int]:
    """What reconciliation compares, summed over all days."""
    lake = place.lake
    counters = rows_of(lake, "counters")
    return {
        "received": sum(row["received"] for row in counters),
        "accepted": len(rows_of(lake, "events")),
        "quarantined": len(rows_of(lake, "quarantine")),
    }


def test_a_mended_plan_brings_refused_events_in(place: Place) -> None:
    land(place.lake, [villa(1), villa(2, userId=None), villa(3, event="Nonsense"), {"type": "page", "userId": "u"}])
    assert "nothing" not in place.told("replay", "--tenant", "rentals", "--dry-run")[0]
    place.mend()
    assert place.told("replay", "--code", "unknown_event", "--dry-run")[0] == (
        "1 event would land; 2 events would still be rejected"
    )
    assert counts(place) == {"received": 4, "accepted": 1, "quarantined": 3}
    before = datetime.now(UTC).replace(tzinfo=None)
    head, _, *table = place.told("replay", "--code", "unknown_event")
    assert head == "1 event landed in 1 landing; 2 events still rejected"
    assert [line.split()[:3] for line in table[1:]] == [
        ["missing_identity", "userId", "1"],
        ["unknown_event", "event", "1"],
    ]
    assert counts(place) == {"received": 5, "accepted": 2, "quarantined": 3}
    (row,) = (row for row in rows_of(place.lake, "events") if row["event"] == "listing_viewed")
    assert (row["message_id"], row["listing_id"], row["original_event"]) == (UUID(int=1), "v1", "Villa Viewed")
    assert before <= row["received_at"] <= before + timedelta(minutes=5)
    (mark,) = rows_of(place.lake, "replays")
    (refused,) = (row for row in rows_of(place.lake, "quarantine") if row["message_id"] == UUID(int=1))
    assert (mark["quarantine_file_id"], mark["quarantine_row"]) == (refused["file_id"], refused["ingest_row"])
    assert (mark["file_id"], mark["ingest_row"]) == (row["file_id"], row["ingest_row"])
    assert len(place.told("list", "--state", "replayed")) == 2
    assert len(place.told("list", "--state", "waiting")) == 3
    assert "replayed at" in place.told("show", f"{refused['file_id']}:{refused['ingest_row']}")[-1]


def test_a_second_replay_finds_nothing(place: Place) -> None:
    land(place.lake, [villa(n) for n in range(3)])
    place.mend()
    place.told("replay", "--all")
    before = counts(place)
    assert place.told("replay", "--all") == ["nothing waits to be replayed"]
    assert counts(place) == before == {"received": 6, "accepted": 3, "quarantined": 3}
    assert place.lake.verify() == []


def test_a_replay_without_a_condition_is_asked_back(place: Place) -> None:
    done = place.run("replay")
    assert done.exit_code == 2
    assert "--all" in done.stderr


def test_the_time_of_an_event_is_judged_by_when_it_first_came(place: Place) -> None:
    """A client whose clock is an hour off, and one that says no time: a replay months later must not move them."""
    fast = noon() + timedelta(hours=1)
    skewed = villa(1, timestamp=(fast - timedelta(seconds=30)).isoformat(), sentAt=fast.isoformat())
    land(place.lake, [skewed, villa(2)])
    place.mend()
    place.told("replay", "--all")
    found = {row["message_id"].int: row for row in rows_of(place.lake, "events")}
    assert (found[1]["event_at"], found[1]["time_quality"]) == (datetime(2026, 3, 1, 11, 59, 30), "skew_corrected")
    assert (found[2]["event_at"], found[2]["time_quality"]) == (datetime(2026, 3, 1, 12, 0, 1), "missing")


def test_a_message_without_an_id_keeps_the_one_it_would_have_had(place: Place) -> None:
    land(place.lake, [villa(1), villa(2, messageId=None)])
    (row,) = (row for row in rows_of(place.lake, "quarantine") if row["message_id"] is None)
    place.mend()
    lake = place.lake
    arrival = Again(lake.plan, place.root)
    origin = f"{row['file_id']}/{row['ingest_row']}"
    first = to_row(lake.plan, "rentals", "web", Arrival(noon(1), villa(2, messageId=None)), origin=origin)
    assert isinstance(first, EventRow)
    replay(lake, arrival, Choice(replayed=False))
    assert first.message_id in {found["message_id"].bytes for found in rows_of(lake, "events")}


def test_what_no_plan_can_mend_stays(place: Place) -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = {"a": deep}
    large = villa(1, properties={"villa": "v", "text": "x" * MAX_EVENT_BYTES})
    land(place.lake, [b"{", b"[]", large, villa(2, properties={"villa": "v", "deep": deep})])
    # The first two are refused by what they are; the others only came here because the plan did not know them.
    place.mend()
    head, *table = place.told("replay", "--all")
    assert head == "0 events landed; 4 events still rejected"
    assert sorted(line.split()[0] for line in table[1:]) == [
        "event_too_large",
        "invalid_json",
        "too_deep",
        "unreadable",
    ]
    assert counts(place)["accepted"] == 0


def test_why_an_event_stays_is_said_as_it_was_at_the_door(place: Place) -> None:
    cloud = {"specversion": "0.3", "type": "nope", "id": "1", "source": "/s"}
    why = Reason("", "invalid_cloudevent", "specversion '0.3' is not supported; send 1.0")
    arrivals = [Arrival(noon(), b'{"type": "track", "total": NaN}'), Arrival(noon(), cloud, (why,))]
    place.lake.land("rentals", "web", arrivals, content_hash="h", received={DAY: 2})
    said = "\n".join(place.told("replay", "--all", "--dry-run"))
    assert "invalid_json_number" in said
    assert "invalid_cloudevent" in said
    assert "unreadable" not in said
    (row,) = (row for row in rows_of(place.lake, "quarantine") if "NaN" in row["payload"])
    shown = "\n".join(place.told("show", f"{row['file_id']}:{row['ingest_row']}"))
    assert "not finite (NaN, Infinity); send null instead" in shown


def test_rows_of_a_file_need_no_identity_at_a_replay_either(place: Place) -> None:
    row = {"type": "track", "event": "Sold", "messageId": "m", "properties": {"booking_id": "b", "amount": 1}}
    row["timestamp"] = "2010-11-30T12:00:00Z"
    land(place.lake, [row], tenant="online_retail", source="online_retail", day=date(2010, 12, 1))
    path = place.root / "ingestion/tracking_plan/tenants/online_retail.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("events: {}", "events: {Sold: {event: booking_confirmed}}"), encoding="utf-8")
    assert place.told("replay", "--source", "online_retail")[0].startswith("1 event landed")


def test_a_row_of_a_file_without_a_time_is_not_booked_on_the_day_of_its_arrival_by_a_replay(place: Place) -> None:
    row = {"type": "track", "event": "Sold", "messageId": "m", "properties": {"booking_id": "b", "amount": 1}}
    land(place.lake, [row], tenant="online_retail", source="online_retail", day=date(2010, 12, 1))
    path = place.root / "ingestion/tracking_plan/tenants/online_retail.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("events: {}", "events: {Sold: {event: booking_confirmed}}"), encoding="utf-8")
    told = "\n".join(place.told("replay", "--source", "online_retail"))
    assert "0 events landed; 1 event still rejected" in told
    assert "missing_timestamp" in told


def test_nobody_who_was_suppressed_meanwhile_comes_back(place: Place) -> None:
    land(place.lake, [villa(1), villa(2), b'{"userId": "user-1", "type": "tr'])
    place.mend()
    state = open_state(place.settings)
    suppress(state, "rentals", "user", "user-1")
    state.close()
    head, *table = place.told("replay", "--all")
    assert head == "1 event landed in 1 landing; 2 events still rejected"
    assert [line.split()[:3] for line in table[2:]] == [["suppressed", "-", "2"]]
    assert {row["user_id"] for row in rows_of(place.lake, "events")} == {"user-2"}


def test_large_replays_land_part_by_part(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 4)
    land(place.lake, [villa(n) for n in range(10)])
    land(place.lake, [villa(n) for n in range(3)], source="app")
    place.mend()
    assert place.told("replay", "--all")[0] == "13 events landed in 4 landings; 0 events still rejected"
    assert counts(place) == {"received": 26, "accepted": 13, "quarantined": 13}


def test_compaction_changes_neither_what_was_replayed_nor_what_waits(place: Place) -> None:
    """Refused events and marks keep their places when their files are made one, before and after a replay."""
    for n in range(3):
        land(place.lake, [villa(n), villa(n + 10, event="Nonsense")], source="web" if n else "app")
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    place.lake.compact(tomorrow)
    assert len(place.lake.entries("quarantine")) == 1
    place.mend()
    place.told("replay", "--source", "app")
    place.told("replay", "--until", "2026-03-01T12:00:01Z")
    before = place.lake.replayed()
    assert len(before) == 3
    place.lake.compact(tomorrow)
    assert len(place.lake.entries("replays")) == 1
    assert place.lake.replayed() == before
    assert place.told("replay", "--all")[0] == "0 events landed; 3 events still rejected"
    assert len(place.told("list", "--state", "waiting")) == 4
    assert counts(place) == {"received": 9, "accepted": 3, "quarantined": 6}
    assert place.lake.verify() == []


def test_two_people_at_once_replay_each_event_once(place: Place) -> None:
    land(place.lake, [villa(n) for n in range(30)])
    place.mend()
    start = threading.Barrier(4)
    landed: list[int] = []

    def go(choice: Choice) -> None:
        lake = place.lake
        again = Again(lake.plan, place.root)
        start.wait()
        landed.append(replay(lake, again, choice).landed)

    whole, early = Choice(replayed=False), Choice(until=noon(20).replace(tzinfo=None), replayed=False)
    threads = [threading.Thread(target=go, args=(choice,)) for choice in (whole, early, whole, early)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(landed) == 30
    assert counts(place) == {"received": 60, "accepted": 30, "quarantined": 30}
    marks = rows_of(place.lake, "replays")
    assert len({(row["quarantine_file_id"], row["quarantine_row"]) for row in marks}) == len(marks) == 30


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.refused_events import Place

place, last = Place(Path(sys.argv[1]), Path(sys.argv[2])), int(sys.argv[3])
real, renames = os.rename, 0

def rename(*args):
    global renames
    if renames == last:
        os.kill(os.getpid(), signal.SIGKILL)
    renames += 1
    real(*args)

os.rename = rename
place.told("replay", "--all")
"""


@pytest.mark.parametrize("renames", [1, 3])
def test_a_killed_replay_leaves_neither_event_nor_mark(place: Place, renames: int) -> None:
    land(place.lake, [villa(n) for n in range(3)])
    place.mend()
    command = [sys.executable, "-c", KILLED, str(place.root), str(place.home), str(renames)]
    killed = subprocess.run(command, cwd=REPOSITORY, check=False, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    assert killed.returncode == -signal.SIGKILL
    assert counts(place) == {"received": 3, "accepted": 0, "quarantined": 3}
    assert place.lake.replayed() == {}
    assert place.told("replay", "--all")[0] == "3 events landed in 1 landing; 0 events still rejected"
    assert counts(place) == {"received": 6, "accepted": 3, "quarantined": 3}


@given(st.lists(st.sampled_from([2, 5, 9, 12]), min_size=1, max_size=4), st.integers(1, 5))
@settings(max_examples=8, deadline=None)
def test_replays_of_any_choices_in_any_order_land_each_event_once(
    tmp_path_factory: pytest.TempPathFactory, ends: list[int], part: int
) -> None:
    place = new_place(tmp_path_factory.mktemp("replay"))
    land(place.lake, [villa(n) for n in range(10)])
    place.mend()
    lake = place.lake
    again = Again(lake.plan, place.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PART_ROWS", part)
        for end in ends:
            replay(lake, again, Choice(until=noon(end).replace(tzinfo=None), replayed=False))
    landed = min(10, max(ends))
    assert counts(place) == {"received": 10 + landed, "accepted": landed, "quarantined": 10}
    assert {row["message_id"].int for row in rows_of(lake, "events")} == set(range(landed))
    assert DAY not in {row["received_at"].date() for row in rows_of(lake, "events")}


def test_what_a_key_might_not_send_comes_in_only_if_somebody_says_so(place: Place) -> None:
    reason = Reason("event", "insufficient_scope", "this write key may send page, not search_performed")
    arrivals = [
        Arrival(noon(n), {**villa(n), "event": "search_performed", "properties": {"query": "flat"}}, (reason,))
        for n in (1, 2)
    ]
    place.lake.land("rentals", "web", arrivals, content_hash="scoped", received={DAY: 2})
    assert place.told("replay", "--all")[0] == "0 events landed; 2 events still rejected"
    (waiting,) = {row["code"] for row in rows_of(place.lake, "quarantine")}
    row = rows_of(place.lake, "quarantine")[0]
    shown = place.told("show", f"{row['file_id']}:{row['ingest_row']}")
    assert waiting == "insufficient_scope"
    assert any("replay --code insufficient_scope" in line for line in shown)
    assert (
        place.told("replay", "--code", "insufficient_scope")[0]
        == "2 events landed in 1 landing; 0 events still rejected"
    )


def test_what_was_refused_for_a_character_that_is_not_kept_never_comes_back(place: Place) -> None:
    """The kept payload has U+FFFD instead: it would be taken, as an event of somebody else."""
    place.mend()
    raw = b'{"type": "track", "event": "Villa Viewed", "userId": "a%sb", "properties": {"villa": "v"}}'
    own = [Reason("", code, "the event cannot be read") for code in ("invalid_encoding", "invalid_json")]
    arrivals = [
        Arrival(noon(), villa(1, userId="nul\0l")),
        Arrival(noon(), villa(2, properties={"villa": "v", "a\0": 1})),
        *(Arrival(noon(), raw % byte, (why,)) for byte, why in zip((b"\xff", b"\0"), own, strict=True)),
    ]
    place.lake.land("rentals", "web", arrivals, content_hash="unkept", received={DAY: 4})
    row = {"type": "track", "event": "booking_confirmed", "properties": {"booking_id": "b", "amount": 1}}
    land(place.lake, [row | {"messageId": "m\0"}], tenant="online_retail", source="online_retail")
    head, _, *table = place.told("replay", "--all")
    assert head == "0 events landed; 5 events still rejected"
    assert sorted(line.split()[0] for line in table) == [
        *["invalid_character"] * 3,
        "invalid_encoding",
        "invalid_json",
    ]
    assert counts(place) == {"received": 5, "accepted": 0, "quarantined": 5}
    for refused in rows_of(place.lake, "quarantine"):
        assert "\ufffd" in refused["payload"]
        shown = place.told("show", f"{refused['file_id']}:{refused['ingest_row']}")
        assert shown[-1].startswith("by the plan as it is now it is still rejected: ")
