"""The simulator: one world for one set of arguments, sessions known without looking for them, and the truth."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.simulator import Simulation, send_newest, simulate
from ingestion.simulator.cli import COMMANDS
from ingestion.simulator.columns import HOUR, MINUTE, Events, Kind
from ingestion.simulator.engine import World, unfold
from ingestion.simulator.messages import Writer
from ingestion.simulator.tenants import VISITED, business_of
from ingestion.simulator.truth import arrival_truth, kpi_truth, persons
from ingestion.tracking_plan import Plan, judge, load_plan
from tests.recounted import Key, recount

# The days around the end of March hold a day of 23 hours in Berlin, a month's and a week's end.
FIRST, UNTIL = date(2026, 3, 12), datetime(2026, 4, 5, 15, 20, tzinfo=UTC)
USERS = {"rentals": 500, "advisory": 250}
TENANTS = pytest.mark.parametrize("tenant", list(VISITED))


@cache
def the_plan() -> Plan:
    return load_plan()


@cache
def the_world(tenant: str, seed: int = 5, until: datetime = UNTIL) -> World:
    return unfold(business_of(tenant), the_plan().tenants[tenant].time_zone, seed, USERS[tenant], FIRST, until)


@cache
def the_arrivals(tenant: str) -> tuple[Arrival, ...]:
    world = the_world(tenant)
    return tuple(Writer(world, the_plan().tenants[tenant]).arrivals(world.deliveries))


def truth_of(tenant: str) -> dict[Key, tuple[Decimal, Decimal]]:
    rows = kpi_truth(the_world(tenant)).to_pylist()
    keys = ("kpi", "time_grain", "period_start", "dimension", "dimension_value")
    found = {tuple(row[k] for k in keys): (row["numerator"], row["denominator"]) for row in rows}
    assert len(found) == len(rows), "a cell stands twice in the truth"
    return found


# --- the world -------------------------------------------------------------------------------------------------------


@TENANTS
def test_the_same_arguments_give_the_same_world(tenant: str) -> None:
    again = unfold(business_of(tenant), the_plan().tenants[tenant].time_zone, 5, USERS[tenant], FIRST, UNTIL)
    for name, column in the_world(tenant).events.__dict__.items():
        assert np.array_equal(column, getattr(again.events, name)), name
    for name, column in the_world(tenant).deliveries.__dict__.items():
        assert np.array_equal(column, getattr(again.deliveries, name)), name


def test_another_seed_gives_another_world() -> None:
    ids = {a.message["messageId"] for a in the_arrivals("rentals") if isinstance(a.message, dict)}
    other = the_world("rentals", 6)
    others = {a.message["messageId"] for a in Writer(other, the_plan().tenants["rentals"]).arrivals(other.deliveries)}
    assert not ids & others


@TENANTS
def test_a_later_end_continues_the_world(tenant: str) -> None:
    earlier = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    before = the_world(tenant, until=earlier)
    writer, later = Writer(before, the_plan().tenants[tenant]), the_arrivals(tenant)
    then = writer.arrivals(before.deliveries)
    assert then == list(later[: len(then)])
    assert later[len(then)].received_at >= earlier > then[-1].received_at


def in_sessions(world: World) -> Events:
    """The events that sessions are made of, by person and time."""
    events = world.events.take(world.events.kind != Kind.IDENTIFY)
    return events.take(np.lexsort((events.at, events.person)))


@TENANTS
def test_sessions_are_far_apart_and_close_inside(tenant: str) -> None:
    events = in_sessions(the_world(tenant))
    same_person = events.person[1:] == events.person[:-1]
    same_visit = events.visit[1:] == events.visit[:-1]
    gap = events.at[1:] - events.at[:-1]
    assert (gap[same_person & ~same_visit] > 31 * MINUTE).all()
    assert (gap[same_visit] < 29 * MINUTE).all()
    assert (gap[same_visit] > 0).all()
    assert not (same_visit & ~same_person).any()


@TENANTS
def test_what_has_arrived_of_a_visit_is_its_beginning(tenant: str) -> None:
    world = the_world(tenant)
    originals = world.deliveries.take(~world.deliveries.copy & (world.deliveries.fault == 0))
    received = dict(zip(originals.event.tolist(), originals.received.tolist(), strict=True))
    visit, latest, gone = -1, 0, False
    for place, its in enumerate(world.events.visit.tolist()):
        if its != visit:
            visit, latest, gone = its, 0, False
        at = received.get(place)
        assert not (gone and at is not None)
        assert at is None or at > latest
        gone, latest = gone or at is None, at or latest


@TENANTS
def test_everything_that_can_go_wrong_does(tenant: str) -> None:
    world, seen = the_world(tenant), Counter[str]()
    d, e = world.deliveries, world.events
    first = {place: received for place, received, copy in zip(d.event, d.received, d.copy, strict=True) if not copy}
    for n in range(len(d)):
        at = e.at[d.event[n]]
        seen["copy"] += bool(d.copy[n])
        seen["altered"] += bool(d.altered[n])
        seen["copy on another day"] += bool(d.copy[n]) and d.received[n] // (24 * HOUR) != first[d.event[n]] // (
            24 * HOUR
        )
        seen["late by hours"] += d.received[n] - at > 2 * HOUR
        seen["late by days"] += d.received[n] - at > 24 * HOUR
        seen["wrong clock"] += d.skew[n] != 0
        seen["refused"] += d.fault[n] != 0
    days = world.calendar.days(in_sessions(world).at)
    events = in_sessions(world)
    seen["over midnight"] = int(((days[1:] != days[:-1]) & (events.visit[1:] == events.visit[:-1])).sum())
    arrived = world.arrived()
    person = persons(world, arrived)
    identified = set(arrived.device[arrived.kind == Kind.IDENTIFY].tolist())
    seen["identified later"] = int((~arrived.known & (person < len(world.people))).sum())
    seen["never identified"] = int((person >= len(world.people)).sum())
    seen["two devices identified"] = sum(device + 1 in identified for device in identified if device % 2 == 0)
    seen["from a server"] = int((~arrived.anonymous).sum())
    lacking = {name for name in seen if not seen[name]}
    # A world of this size need not hold the rarest of all; the large tenant's does.
    assert lacking <= ({"altered", "refused"} if tenant == "advisory" else set())


@pytest.mark.parametrize("last", [date(2026, 1, 15), date(2026, 7, 15)])
def test_the_defaults_give_a_demo_of_enough_events(last: date) -> None:
    rentals = business_of("rentals")
    until = datetime(last.year, last.month, last.day, 6, 0, tzinfo=UTC)
    world = unfold(rentals, "Europe/Berlin", 1, rentals.users, last - timedelta(days=89), until)
    arrived = world.arrived()
    assert len(arrived) >= 300_000
    assert 5 <= len(arrived) / len(np.unique(arrived.visit)) <= 7


# --- messages --------------------------------------------------------------------------------------------------------


@TENANTS
def test_good_messages_keep_to_the_tracking_plan_and_bad_ones_do_not(tenant: str) -> None:
    faults = the_world(tenant).deliveries.fault.tolist()
    codes = Counter[str]()
    for arrival, fault in zip(the_arrivals(tenant), faults, strict=True):
        assert isinstance(arrival.message, dict)
        judged = judge(the_plan(), tenant, arrival.message)
        assert bool(judged.reasons) == bool(fault)
        assert fault or not judged.warnings, judged.warnings
        codes.update(reason.code for reason in judged.reasons)
    assert codes.keys() <= {"unknown_event", "missing", "wrong_type"}
    assert tenant == "advisory" or len(codes) == 3


def test_events_carry_the_platforms_own_names() -> None:
    names = {a.message.get("event") for a in the_arrivals("rentals") if isinstance(a.message, dict)}
    visits = {"search_performed", "listing_viewed", "booking_confirmed", "booking_cancelled", "signup_completed"}
    assert {own for own, alias in the_plan().tenants["rentals"].events.items() if alias.event in visits} <= names


# --- the truth -------------------------------------------------------------------------------------------------------


@TENANTS
def test_the_truth_equals_a_plain_count_of_the_messages(tenant: str) -> None:
    truth, counted = truth_of(tenant), recount(the_arrivals(tenant), tenant)
    assert truth.keys() == counted.keys()
    different = {key: (truth[key], counted[key]) for key in truth if truth[key] != counted[key]}
    assert not different
    assert len({key[0] for key in truth}) == 33
    assert len(truth) > 500


@TENANTS
def test_channels_add_up(tenant: str) -> None:
    truth = truth_of(tenant)
    for kpi in ("sessions", "searches", "bookings", "gmv", "revenue"):
        for (name, grain, period, dimension, _), (numerator, _) in truth.items():
            if name == kpi and dimension == "all":
                parts = [v[0] for k, v in truth.items() if k[:4] == (kpi, grain, period, "channel")]
                assert sum(parts) == numerator


@TENANTS
def test_days_add_up_to_months(tenant: str) -> None:
    truth = truth_of(tenant)
    for kpi in ("sessions", "searches", "bookings", "gmv", "revenue"):
        for (name, grain, period, dimension, value), (numerator, _) in truth.items():
            if name == kpi and grain == "month":
                days = [
                    v[0]
                    for k, v in truth.items()
                    if k[:2] == (kpi, "day") and k[2].replace(day=1) == period and k[3:] == (dimension, value)
                ]
                assert sum(days) == numerator


@TENANTS
def test_arrivals_by_day_are_counted(tenant: str) -> None:
    world = the_world(tenant)
    rows = arrival_truth(world, []).to_pylist()
    assert sum(row["received"] for row in rows) == len(the_arrivals(tenant))
    assert all(row["received"] == row["accepted"] + row["duplicate"] + row["quarantined"] for row in rows)
    by_day = Counter(arrival.received_at.date() for arrival in the_arrivals(tenant))
    assert {row["received_date"]: row["received"] for row in rows} == dict(by_day)
    assert {row["via"] for row in rows} == {"bulk"}


# --- landing ---------------------------------------------------------------------------------------------------------

LAST = date(2026, 4, 4)
NOON = datetime(2026, 4, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path)


def small(settings: Settings, **given: Any) -> Simulation:
    return simulate(settings, "advisory", **({"seed": 3, "users": 60, "days": 6, "last_day": LAST} | given))


def landed(settings: Settings) -> list[dict[str, Any]]:
    lake = Lake.open(settings, the_plan())
    entries = [e for kind in ("events", "quarantine") for e in lake.entries(kind) if e.rows]
    return [row for e in entries for row in pq.ParquetFile(lake.locate(e.path)).read().to_pylist()]


def test_a_landing_holds_what_the_truth_counts_and_a_second_one_nothing(settings: Settings) -> None:
    first = small(settings)
    rows, truth = landed(settings), pq.read_table(first.arrivals).to_pylist()
    by_day = Counter(row["received_at"].date() for row in rows)
    assert by_day == {row["received_date"]: row["received"] for row in truth}
    assert len(rows) == first.landed > 50
    assert first.landings == len(by_day)
    refused = [row for row in rows if "payload" in row]
    assert len(refused) == sum(row["quarantined"] for row in truth)
    assert pq.read_table(first.truth).num_rows > 100

    again = small(settings)
    assert (again.landed, again.landings, again.is_new) == (0, 0, False)
    assert len(landed(settings)) == len(rows)


def test_a_later_moment_lands_only_what_arrived_since(settings: Settings, tmp_path: Path) -> None:
    for now in (NOON, NOON + timedelta(minutes=7), NOON + timedelta(days=1), NOON + timedelta(days=2)):
        step = small(settings, last_day=None, now=now)
        assert step.until == now
    ids = [(row["message_id"], row["received_at"]) for row in landed(settings)]
    assert len(set(ids)) == len(ids)
    at_once = Settings.for_home(tmp_path / "other")
    whole = small(at_once, last_day=None, now=NOON + timedelta(days=2), days=8)
    assert Counter(ids) == Counter((row["message_id"], row["received_at"]) for row in landed(at_once))
    assert pq.read_table(whole.truth).equals(pq.read_table(step.truth))


def test_an_emptied_lake_is_filled_anew(settings: Settings) -> None:
    before = small(settings).landed
    for path in sorted(settings.lake.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert small(settings).landed == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seed": 4}, "another simulation"),
        ({"users": 61}, "another simulation"),
        ({"days": 7}, "another simulation"),
        ({"users": 0}, "users is 0"),
        ({"days": 0}, "days is 0"),
        ({"last_day": date(2100, 1, 1)}, "future"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(settings: Settings, given: dict[str, Any], words: str) -> None:
    small(settings)
    with pytest.raises(AlmanacError, match=words):
        small(settings, **given)


def test_fewer_days_continue_the_longer_world(settings: Settings) -> None:
    first = small(settings)
    assert small(settings, days=2) == first.__class__(**{**first.__dict__, "landed": 0, "landings": 0})


# --- the newest events -----------------------------------------------------------------------------------------------


@contextmanager
def a_collector(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An HTTP server that keeps what is posted; its URL and the bodies."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(json.loads(decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body))
            answer = b'{"success": true}' if status == 200 else b'{"code": "no_key", "message": "unknown write key"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_newest_events_go_through_the_client_library(settings: Settings) -> None:
    held = small(settings, hold_newest=True, users=120)
    assert held.newest[0].received_at >= held.until - timedelta(days=1)
    assert len(held.newest) > 30
    assert len(landed(settings)) == held.landed
    with a_collector() as (url, bodies):
        assert send_newest(settings, held, url, "key") == len(held.newest)
    messages = [message for body in bodies for message in body["batch"]]
    assert [m["messageId"] for m in messages] == [s.message["messageId"] for s in held.newest]
    assert [datetime.fromisoformat(m["timestamp"]) for m in messages] == [s.at for s in held.newest]
    assert {m["type"] for m in messages} >= {"page", "screen", "track", "identify"}
    for message, sent in zip(messages, held.newest, strict=True):
        assert message["context"]["library"]["name"] == "analytics-python"
        assert message.get("properties") == sent.message.get("properties")
        assert message.get("traits") == sent.message.get("traits")
        assert (message["userId"], message["anonymousId"]) == (
            sent.message.get("userId"),
            sent.message.get("anonymousId"),
        )
    rows = pq.read_table(held.arrivals).to_pylist()
    assert sum(row["received"] for row in rows if row["via"] == "collector") == len(held.newest)
    assert sum(row["received"] for row in rows if row["via"] == "bulk") == held.landed
    assert not small(settings, hold_newest=True, users=120).is_new


def test_the_newest_of_a_whole_business_go_the_same_way(settings: Settings) -> None:
    held = simulate(settings, "community", seed=3, days=2, last_day=LAST, hold_newest=True)
    assert [sent.received_at for sent in held.newest] == sorted(sent.received_at for sent in held.newest)
    with a_collector() as (url, bodies):
        assert send_newest(settings, held, url, "key") == len(held.newest)
    messages = [message for body in bodies for message in body["batch"]]
    assert [m["messageId"] for m in messages] == [s.message["messageId"] for s in held.newest]
    (joined, *_) = (s.message for s in held.newest if s.message["type"] == "group")
    (sent, *_) = (m for m in messages if m["messageId"] == joined["messageId"])
    assert (sent["groupId"], sent["traits"]) == (joined["groupId"], joined["traits"])


def test_the_newest_events_are_none_of_the_copies_with_other_content(settings: Settings) -> None:
    held = small(settings, hold_newest=True, users=120)
    by_id: dict[str, Any] = {}
    for sent in held.newest:
        assert by_id.setdefault(sent.message["messageId"], sent.message) == sent.message


def test_what_a_collector_refuses_is_still_held(settings: Settings) -> None:
    held = small(settings, hold_newest=True, users=120)
    with a_collector(401) as (url, _), pytest.raises(AlmanacError, match="unknown write key"):
        send_newest(settings, held, url, "wrong")
    again = small(settings, hold_newest=True, users=120)
    assert again.landed == 0
    assert [s.message["messageId"] for s in again.newest] == [s.message["messageId"] for s in held.newest]
    rest = small(settings, users=120)
    assert rest.landed == len(held.newest)


def test_the_command_says_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    arguments = ["--tenant", "advisory", "--users", "40", "--days", "3", "--last-day", "2026-04-04"]
    first = CliRunner().invoke(COMMANDS["simulate"], arguments)
    assert first.exit_code == 0, first.output
    assert "advisory: 40 users, 2026-04-02 to 2026-04-04" in first.output
    assert str(tmp_path / "truth" / "advisory.parquet") in first.output
    assert "nothing new" in CliRunner().invoke(COMMANDS["simulate"], arguments).output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--collector", "http://x"],
        ["--write-key", "k"],
        ["--collector", "http://x", "--write-key", "k"],
        ["--users", "0"],
    ],
)
def test_the_command_refuses_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(COMMANDS["simulate"], arguments).exit_code == 2
