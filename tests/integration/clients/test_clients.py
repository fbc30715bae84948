"""The client libraries that people use, as they are published, against a real collector.

Whatever happens on the way, the lake holds the same rows from all of them; what is refused is no row, is kept or
counted, and the client is told. All clients run at once, because most of their time is waiting to send again.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.clients import node_clients, python_clients
from tests.integration.clients.fault_proxy import fault_proxy
from tests.integration.clients.scenarios import NODE, PYTHON, SCENARIOS, WITHOUT_RETRY, Job, jobs_of
from tests.integration.collector_process import eventually, lake_rows, new_key, running

pytestmark = pytest.mark.xdist_group("clients")  # one worker runs them all, once

COLUMNS = "message_id::varchar, type, event, user_id, event_at, properties, amount::varchar"
WHO = ("identify", "user_identified", {"plan": "gold"}, None)
BOOKING = ("track", "booking_confirmed", {"booking_id": "b-1", "amount": 12.5}, "12.5000")
SIGN_UP = ("track", "signup_completed", {}, None)
SLACK = timedelta(seconds=90)  # what a loaded machine may add between an event and its being sent


@dataclass
class World:
    """What happened: the jobs, what their clients reported, and the rows of each one's user."""

    jobs: dict[tuple[str, str], Job] = field(default_factory=dict)
    errors: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    quarantined: list[tuple[str, str]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    began: datetime = datetime.min
    ended: datetime = datetime.max


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Everybody's world, once."""
    home = tmp_path_factory.mktemp("clients")
    world = World(began=datetime.now(UTC).replace(tzinfo=None))
    keys = {size: new_key(home, body_bytes=size) for size in {scenario.body_bytes for scenario in SCENARIOS.values()}}
    with running(home) as collector, fault_proxy(collector.url) as proxy:
        python = [job for client in PYTHON for job in jobs_of(client, proxy, keys.__getitem__)]
        node = (
            []
            if node_clients.why_not()
            else [job for client in NODE for job in jobs_of(client, proxy, keys.__getitem__)]
        )
        world.jobs = {(job.client, job.scenario): job for job in [*python, *node]}
        with node_clients.node_clients() if node else nullcontext() as process, ThreadPoolExecutor(40) as pool:
            done = {(job.client, job.scenario): pool.submit(python_clients.run, job) for job in python if not job.skew}
            if process is not None:
                world.errors |= process.run(node)
            world.errors |= {name: errors.result(120) for name, errors in done.items()}
            world.errors |= {(job.client, job.scenario): python_clients.run(job) for job in python if job.skew}
            eventually(lambda: _is_complete(home, world), 60)
        assert collector.stop() == 0
        _read(home, world)
    world.ended = datetime.now(UTC).replace(tzinfo=None)
    return world


def _read(home: Path, world: World) -> None:
    world.rows = {}
    for row in lake_rows(home, "events", COLUMNS):
        world.rows.setdefault(row[3], []).append(row)
    world.quarantined = lake_rows(home, "quarantine", "code, payload")
    counts = json.loads((home / "collector" / "refused-counts.json").read_text())
    world.refused = {}
    for name, count in counts.items():
        code = name.rpartition("/")[2]
        world.refused[code] = world.refused.get(code, 0) + count


def _is_complete(home: Path, world: World) -> bool:
    """Whether everybody's rows are there; libraries that send again in the background need some time."""
    try:
        _read(home, world)
    except FileNotFoundError:
        return False
    return all(
        len({row[0] for row in world.rows.get(job.user, [])}) >= len(expected(job))
        for job in world.jobs.values()
        if not SCENARIOS[job.scenario].refused
    )


def expected(job: Job) -> list[tuple[Any, ...]]:
    """The rows that a job's events become, whatever the library."""
    more = [("track", "signup_completed", {"text": "x" * job.size}, None)] * job.count
    who = [] if job.client.startswith("cloudevents") else [WHO]
    return [*who, BOOKING, SIGN_UP, *more]


def params(refused: bool) -> list[Any]:
    """All clients in all scenarios that can happen to them."""
    return [
        pytest.param(
            client,
            name,
            id=f"{client}-{name}",
            marks=[
                pytest.mark.skipif(client in NODE and bool(node_clients.why_not()), reason=str(node_clients.why_not()))
            ],
        )
        for client in (*PYTHON, *NODE)
        for name, scenario in SCENARIOS.items()
        if scenario.refused is refused and client not in scenario.without
    ]


@pytest.mark.parametrize(("client", "scenario"), params(refused=False))
def test_the_same_events_become_the_same_rows(world: World, client: str, scenario: str) -> None:
    job = world.jobs[client, scenario]
    rows = world.rows[job.user]
    once = {row[0]: row for row in rows}
    assert sorted(map(said, once.values())) == sorted(map(as_said, expected(job)))
    for row in rows:
        assert world.began - SLACK <= row[4] <= world.ended + SLACK  # a fast clock was put right
    faults = [fault.status for fault in SCENARIOS[scenario].faults]
    assert job.line.answers[: len(faults)] == faults
    assert job.line.answers[-1] == 200
    if scenario == "bulky":
        assert len(job.line.answers) < 3, "it fitted into fewer requests than others would need"
    if scenario == "lost":
        assert len(rows) > len(once), "the events were sent again under the same message ids"
    if faults and client in WITHOUT_RETRY:
        assert len(world.errors[client, scenario]) == len(faults), "the application is told each time"
    else:
        assert world.errors[client, scenario] == []


@pytest.mark.parametrize(("client", "scenario"), params(refused=True))
def test_what_is_refused_is_no_row_and_the_client_is_told(world: World, client: str, scenario: str) -> None:
    job = world.jobs[client, scenario]
    assert job.user not in world.rows
    assert world.errors[client, scenario], "the library says nothing to its application"
    assert set(job.line.answers) <= {{"unknown": 400, "stranger": 401, "large": 413}[scenario]}
    if scenario == "unknown":
        assert {code for code, payload in world.quarantined if job.user in payload} == {"unknown_event"}
    if scenario == "stranger":
        assert world.refused["invalid_write_key"] >= 1


def said(row: tuple[Any, ...]) -> str:
    """What a row says, without what only some libraries add."""
    _, type_, event, _, _, properties, amount = row
    own = {name: value for name, value in json.loads(properties).items() if not name.startswith("$")}
    return as_said((type_, event, own, amount))


def as_said(expected: tuple[Any, ...]) -> str:
    """A row in words, to compare and to sort."""
    return json.dumps(expected, sort_keys=True)
