"""A running collector takes up a changed tracking plan on SIGHUP: nothing is lost, a broken one changes nothing."""

import os
import pty
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from ingestion.collector.server_names import SERVERS
from tests.integration.collector_process import (
    ROOT,
    CollectorProcess,
    eventually,
    lake_rows,
    land_what_is_left,
    new_key,
    running,
)
from tests.refused_events import Place, new_place

TAKEN_UP = "the tracking plan was taken up"
KEPT = "the one before goes on"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return new_place(tmp_path)


@pytest.fixture(params=SERVERS)
def collector(place: Place, request: pytest.FixtureRequest) -> Iterator[CollectorProcess]:
    with running(place.home, 0.2, (), ("--server", request.param), ALMANAC_ROOT=str(place.root)) as collector:
        yield collector


def client_of(place: Place, collector: CollectorProcess) -> httpx.Client:
    return httpx.Client(base_url=collector.url, auth=(new_key(place.home), ""), timeout=60)


def event(name: str, **properties: object) -> dict[str, object]:
    return {"type": "track", "event": name, "userId": "u", "messageId": str(uuid4()), "properties": properties}


def hang_up(collector: CollectorProcess, expected: str, times: int = 1) -> str:
    """Send SIGHUP, and return the line that says what came of it."""
    os.kill(collector.pid, signal.SIGHUP)
    return str(eventually(lambda: [line for line in collector.said if expected in line][times - 1 :])[0])


def test_events_are_judged_by_the_new_plan_and_what_was_accepted_before_is_landed(
    place: Place, collector: CollectorProcess
) -> None:
    with client_of(place, collector) as client:
        villa, signed_up = event("Villa Viewed", villa="v1"), event("Signed Up")
        assert client.post("/v1/track", json=villa).json()["code"] == "unknown_event"
        assert client.post("/v1/track", json=signed_up).status_code == 200
        place.mend()
        eventually(lambda: any("(SIGHUP; nothing is lost)" in line for line in collector.said))
        assert client.post("/v1/track", json=villa).status_code == 400, "nobody asked for it yet"
        hang_up(collector, TAKEN_UP)
        later = [event("Villa Viewed", villa="v2"), event("Signed Up")]
        assert client.post("/v1/batch", json={"batch": later}).json()["accepted"] == 2
        counted = client.get("/metrics").text
        assert 'almanac_collector_requests_total{route="/v1/track",status="400"} 2' in counted, "counters go on"
        hang_up(collector, "nothing to take up")
    assert collector.stop() == 0
    land_what_is_left(place.home, ALMANAC_ROOT=str(place.root))
    landed = dict(lake_rows(place.home, "events", "message_id::varchar, event"))
    expected = {signed_up["messageId"]: "signup_completed", later[0]["messageId"]: "listing_viewed"}
    assert landed == {**expected, later[1]["messageId"]: "signup_completed"}
    assert len(lake_rows(place.home, "quarantine", "message_id")) == 2


def test_a_broken_plan_is_named_by_file_and_field_and_changes_nothing(
    place: Place, collector: CollectorProcess
) -> None:
    file = place.root / "ingestion/tracking_plan/tenants/rentals.yml"
    as_it_was = file.read_text(encoding="utf-8")
    with client_of(place, collector) as client:
        file.write_text(as_it_was.replace("event: signup_completed", "event: no_such_event"), encoding="utf-8")
        line = hang_up(collector, KEPT)
        assert "tenants/rentals.yml" in line
        assert "no_such_event" in line
        sent = event("Signed Up")
        assert client.post("/v1/track", json=sent).status_code == 200
        eventually(lambda: lake_rows(place.home, "events", "event") == [("signup_completed",)])
        file.write_text(as_it_was, encoding="utf-8")
        place.mend()
        hang_up(collector, TAKEN_UP)
        assert client.post("/v1/track", json=event("Villa Viewed", villa="v")).status_code == 200
        eventually(lambda: ("listing_viewed",) in lake_rows(place.home, "events", "event"))


def test_whoever_sends_meanwhile_notices_nothing(place: Place, collector: CollectorProcess) -> None:
    acknowledged: list[str] = []
    answers: Counter[int] = Counter()
    is_over = threading.Event()

    def send(client: httpx.Client) -> None:
        while not is_over.is_set():
            batch = [event("Signed Up") for _ in range(5)]
            answer = client.post("/v1/batch", json={"batch": batch})
            answers[answer.status_code] += 1
            assert answer.json()["accepted"] == 5
            acknowledged.extend(str(one["messageId"]) for one in batch)

    with client_of(place, collector) as client:
        sender = threading.Thread(target=send, args=(client,))
        sender.start()
        for number in range(3):
            file = place.root / "ingestion/tracking_plan/tenants/rentals.yml"
            file.write_text(file.read_text(encoding="utf-8") + f"\n# {number}\n", encoding="utf-8")
            hang_up(collector, TAKEN_UP, number + 1)
        is_over.set()
        sender.join()
    assert set(answers) == {200}
    assert collector.stop() == 0
    land_what_is_left(place.home, ALMANAC_ROOT=str(place.root))
    landed = Counter(row[0] for row in lake_rows(place.home, "events", "message_id::varchar"))
    assert landed == Counter(acknowledged)
    assert lake_rows(place.home, "quarantine", "message_id") == []


def test_it_ends_with_the_terminal_in_which_it_was_started(place: Place) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {**os.environ, "ALMANAC_HOME": str(place.home), "ALMANAC_ROOT": str(place.root)}
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "almanac", "collect", "--port", "0"], environment)
    said = b""
    while b"collecting on" not in said:
        said += os.read(terminal, 1000)
    os.close(terminal)
    try:
        status = eventually(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG))
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise
    assert (status.si_code, status.si_status) == (os.CLD_EXITED, 0), "as after SIGTERM, and not killed by the signal"
