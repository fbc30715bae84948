"""What the simulator lands, the newest events that it holds for a collector, and its command."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.simulator import Simulation, send_newest, simulate
from ingestion.simulator.cli import COMMANDS
from ingestion.tracking_plan import load_plan

PLAN = load_plan()
LAST = date(2026, 4, 4)
NOON = datetime(2026, 4, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path)


def small(settings: Settings, **given: Any) -> Simulation:
    return simulate(settings, "advisory", **({"seed": 3, "users": 60, "days": 6, "last_day": LAST} | given))


def landed(settings: Settings) -> list[dict[str, Any]]:
    lake = Lake.open(settings, PLAN)
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
