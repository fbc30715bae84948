"""What only the time since a change is made anew from: a scripted story that random histories rarely tell.

Every landing is built by itself, and after each of them every row is what a rebuild from the lake gives. The mistakes
that could be made with that time are planted one by one, and each shows.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from almanac.build import run_build
from almanac.compare import compare
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from tests.replay.mutations import Patch, in_macro, in_meta, in_model, in_spec
from tests.replay.project import FailingDbt, copy_project, settings_for

# With sessions and all else that these are made of.
READS = ("fact_searches", "fact_listing_views", "fact_user_days", "fact_bookings", "mv_daily_concentration")
FIRST = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    """An event of a user (`u..`), a visitor (`v..`), both (`v.. u..`: an identify) or nobody, so many days later."""

    who: str
    day: int
    time: str
    event: str = "page_viewed"
    medium: str | None = None


STORY = (
    # First visits; ada comes twice on that day.
    [
        Told("u-mia", 0, "10:00"),
        Told("u-ada", 0, "10:00"),
        Told("u-ada", 0, "12:00"),
        Told("u-tom", 0, "09:00"),
        Told("v-1", 0, "10:00", "search_performed"),
        Told("", 0, "10:00", "listing_viewed"),
    ],
    # Long after them; mia and the visitor book.
    [
        Told("u-mia", 40, "10:00"),
        Told("u-mia", 40, "10:05", "search_performed"),
        Told("u-mia", 40, "10:08", "booking_confirmed"),
        Told("u-mia", 40, "10:10"),
        Told("u-mia", 40, "12:00", "listing_viewed"),
        Told("u-tom", 35, "09:00"),
        Told("v-1", 40, "09:00", "search_performed"),
        Told("v-1", 40, "09:05", "booking_confirmed"),
        Told("", 40, "10:00", "listing_viewed"),
    ],
    # Late: it lengthens mia's session and gives it a channel, begins another one earlier, and brings ada back. Zoe
    # booked in the four weeks before those that had.
    [
        Told("u-mia", 40, "10:25", medium="email"),
        Told("u-mia", 40, "11:40"),
        Told("u-ada", 20, "10:00"),
        Told("u-zoe", 30, "10:00", "booking_confirmed"),
        Told("", 40, "09:00", "listing_viewed"),
    ],
    # The visitor was tom all the time.
    [Told("v-1 u-tom", 41, "09:00", "user_identified")],
    # One more day, of which nothing before it is changed.
    [Told("u-mia", 90, "08:00"), Told("u-tom", 90, "08:00", "search_performed"), Told("u-eva", 90, "08:00")],
)
MISTAKES = {
    "a change takes part in no session that stands": in_macro(
        "from_standing_rows", ("then s.last_before", "then c.since")
    ),
    "what the first session says is not looked at again": in_spec("fact_sessions", ("since", "whole_within"), "0 days"),
    "who is identified has changed since the visitor's last event": in_macro(
        "first_events_of_visitors", ("min(v.since)", "max(v.since)")
    ),
    "those who changed long ago are not looked for": in_macro(
        "duckdb__spans_of_changes", ('in_key_set(key, "varchar", model.name ~ "__early_" ~ few)', '"false"')
    ),
    "what anonymous visitors did long ago is not looked for": in_macro(
        "duckdb__know_spans",
        ("= m.user_id\n                    where {{ is_early }}", "= m.user_id\n                    where false"),
    ),
    "keys are looked for among other bits than those they set": in_macro("in_key_set", ("% 262144", "% 1024")),
    "searches are told of a session since its end": in_spec("fact_sessions", ("propagates", 0, "since"), "d.ended_at"),
    "searches are not told of sessions": in_meta(
        "int_events__in_sessions", "changed", lambda origin: "producer" not in origin
    ),
    "nobody's views are not told of": in_meta(
        "int_events__in_sessions", "changed", lambda origin: origin.get("kind") != "nobody"
    ),
    "bookings are not told of sessions": in_macro(
        "bookings_of_changed_persons", ("g.kind = 'person'", "g.kind = 'nothing'")
    ),
    "bookings of the changed persons stay as they are": in_meta(
        "int_bookings__in_sessions", "changed", lambda origin: "query" not in origin
    ),
    "what is booked late changes its own date alone": in_macro("dates_of_spread", ("'27 days'", "'0 days'")),
    "user days before the change say nothing of the person": in_model(
        "fact_user_days", ("as p on p.tenant", "as p on false and p.tenant")
    ),
    "user days before the change say nothing of the channel": in_model(
        "fact_user_days", ("as s on s.tenant", "as s on false and s.tenant")
    ),
}

_PROPERTIES: dict[str, dict[str, str]] = {
    "search_performed": {"query": "flat"},
    "listing_viewed": {"listing_id": "L1"},
    "booking_confirmed": {"listing_id": "L1", "amount": "10.00", "commission": "1.00"},
}
ORDINARY = ("those who changed long ago are not looked for", "nobody's views are not told of")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, without the models that nothing here reads."""
    return copy_project(tmp_path_factory.mktemp("project"), is_small=True)


def test_each_landing_gives_what_a_rebuild_gives(root: Path, tmp_path: Path) -> None:
    """After every landing, and after an erasure by which sessions fall apart again."""
    assert _differing(root, tmp_path, None) == {}


def _marked(mistake: str) -> object:
    return pytest.param(mistake, id=mistake, marks=() if mistake in ORDINARY else (pytest.mark.deep,))


@pytest.mark.parametrize("mistake", [_marked(mistake) for mistake in MISTAKES])
def test_the_mistake_shows(mistake: str, root: Path, tmp_path: Path) -> None:
    """The same story differs from its rebuild."""
    assert _differing(root, tmp_path, MISTAKES[mistake]) != {}


def _differing(root: Path, home: Path, patch: Patch | None) -> dict[str, tuple[int, int]]:
    """Tell the story; the relations that differ from a rebuild after the first landing with a difference."""
    settings, dbt, found = settings_for(root, home), FailingDbt(patch), {}
    dbt.data_tests, dbt.for_models = False, READS
    lake = Lake.open(settings)
    for number, landing in enumerate(STORY):
        received_at = max(map(_time, landing)) + timedelta(hours=1)
        arrivals = [
            Arrival(received_at, _message(number, row, told), identity_required=bool(told.who))
            for row, told in enumerate(landing)
        ]
        landed = lake.land(
            "rentals", "web", arrivals, content_hash=f"{number:064}", received={received_at.date(): len(arrivals)}
        )
        assert not landed.quarantined
        found = found or _built_and_compared(settings.root, home, dbt)
    for entry in lake.entries("events"):
        lake.rewrite(entry.path, "event_at = timestamp '2026-04-11 11:40:00' or user_id = 'u-ada'")
    return found or _built_and_compared(settings.root, home, dbt)


def _built_and_compared(root: Path, home: Path, dbt: FailingDbt) -> dict[str, tuple[int, int]]:
    settings = settings_for(root, home)
    other = settings_for(root, home / "replay", settings.lake)
    for one, anew in ((settings, False), (other, True)):
        result = run_build(one, runner=dbt, full_refresh=anew)
        assert result.succeeded, [(node.name, node.message) for node in result.failed]
    return compare(settings.warehouse, other.warehouse).differing


def _time(told: Told) -> datetime:
    hours, minutes = told.time.split(":")
    return FIRST + timedelta(days=told.day, hours=int(hours), minutes=int(minutes))


def _message(number: int, row: int, told: Told) -> dict[str, Any]:
    kind = {"page_viewed": "page", "user_identified": "identify"}.get(told.event, "track")
    sent = {
        "type": kind,
        "messageId": f"00000000-0000-4000-8000-{number:06}{row:06}",
        "timestamp": _time(told).isoformat(),
        "context": {"campaign": {"medium": told.medium}} if told.medium else {},
        "properties": dict(_PROPERTIES.get(told.event, {})),
    }
    for who in told.who.split():
        sent["userId" if who.startswith("u") else "anonymousId"] = who
    if kind == "track":
        sent["event"] = told.event
    if told.event == "booking_confirmed":
        sent["properties"] |= {"booking_id": f"b-{told.who}"}
    return sent
