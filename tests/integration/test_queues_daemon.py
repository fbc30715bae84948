"""The three queues under Dagster's own daemon: limits, retries, pauses, and runs that are taken out."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from almanac.settings import ROOT, Settings
from orchestration.ended_runs import ended_at
from orchestration.instance import environment, open_instance
from orchestration.processes import Supervisor
from orchestration.queues import QUEUE, load_policy, pause, resume
from orchestration.queues_cli import take_out
from tests.integration.queue_location import LIMIT_SECONDS

LOCATION = ["--python-file", "tests/integration/queue_location.py", "--working-directory", str(ROOT)]
LIMIT = 420  # seconds that a busy machine may take for anything
RETRIES = {queue.name: queue.retries for queue in load_policy().queues}


@pytest.mark.deep
def test_runs_end_at_their_limit_and_are_tried_again_as_often_as_their_queue_says(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path / "home")
    env = {**os.environ, **environment(settings), "ALMANAC_HOME": str(settings.home)}
    quicken(settings)
    daemon = [sys.executable, "-m", "dagster._daemon", "run", *LOCATION]
    with Supervisor(settings.home / "logs") as programs, open_instance(settings) as instance:
        segments = load_policy().queue("segments")
        pause(instance, segments)
        for queue in RETRIES:
            launch(queue, env)
        removed = launch("segments", env)
        take_out(instance, removed)
        process = programs.start("daemon", daemon, env).process

        def until(is_so: Callable[[], bool]) -> None:
            deadline = time.monotonic() + LIMIT
            while not is_so():
                assert process.poll() is None, "the daemon ended"
                assert time.monotonic() < deadline, "it did not happen in time"
                time.sleep(0.5)

        until(lambda: len(attempts(instance, "reports")) == 1 + RETRIES["reports"] and is_over(instance, "reports"))
        until(lambda: len(attempts(instance, "aggregation")) == 1 + RETRIES["aggregation"])
        until(lambda: is_over(instance, "aggregation"))
        assert attempts(instance, "segments") == [], "a paused queue started something"
        resume(instance, segments)
        until(lambda: len(attempts(instance, "segments")) == 1 + RETRIES["segments"] and is_over(instance, "segments"))
        settle = time.monotonic() + 15  # were there one retry too many, it would be asked for within a second or two
        until(lambda: time.monotonic() > settle)

        for queue, retries in RETRIES.items():
            tried = attempts(instance, queue)
            assert len(tried) == 1 + retries, queue
            assert {record.dagster_run.status for record in tried} == {dg.DagsterRunStatus.FAILURE}
            pauses = [(asked(later) - ended_at(earlier)).total_seconds() for earlier, later in pairwise(tried)]
            assert all(seconds >= 2**n for n, seconds in enumerate(pauses)), (queue, pauses)
        for record in attempts(instance, "reports"):
            assert record.start_time
            assert record.end_time
            took = record.end_time - record.start_time
            assert LIMIT_SECONDS <= took < LIMIT_SECONDS + 30, took
            assert "Exceeded maximum runtime" in why(instance, record)
        for record in attempts(instance, "segments"):
            said = why(instance, record)
            # Our sensor says the one, Dagster's launcher, if it is quicker, the other.
            assert "The process of this run is gone" in said or "Run execution process for" in said, said
        still = instance.get_run_record_by_id(removed)
        assert still
        assert (still.dagster_run.status, still.start_time) == (dg.DagsterRunStatus.CANCELED, None)


def quicken(settings: Settings) -> None:
    """Let the daemon look at running runs every second."""
    path = settings.dagster_home / "dagster.yaml"
    text = path.read_text(encoding="utf-8")
    assert "poll_interval_seconds: 30" in text
    path.write_text(text.replace("poll_interval_seconds: 30", "poll_interval_seconds: 1"), encoding="utf-8")


def launch(job: str, env: dict[str, str]) -> str:
    """Ask for a run, as Dagster's page does; returns its id."""
    command = [sys.executable, "-m", "dagster", "job", "launch", *LOCATION, "--job", job]
    run_id = f"{time.time_ns():032x}"
    done = subprocess.run(
        [*command, "--run-id", run_id], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return run_id


def attempts(instance: dg.DagsterInstance, queue: str) -> list[dg.RunRecord]:
    """The runs of a queue that have started, oldest first."""
    records = instance.get_run_records(dg.RunsFilter(tags={QUEUE: queue}))
    return sorted(
        (r for r in records if r.start_time or r.dagster_run.status is dg.DagsterRunStatus.FAILURE),
        key=lambda r: r.create_timestamp,
    )


def is_over(instance: dg.DagsterInstance, queue: str) -> bool:
    """Whether every attempt is known to have failed; what says so may look every 30 seconds."""
    return all(record.dagster_run.status is dg.DagsterRunStatus.FAILURE for record in attempts(instance, queue))


def asked(record: dg.RunRecord) -> datetime:
    return record.create_timestamp


def why(instance: dg.DagsterInstance, record: dg.RunRecord) -> str:
    """What the events of a run say of its end."""
    events = instance.all_logs(record.dagster_run.run_id)
    return " ".join(str(e.dagster_event.message) for e in events if e.dagster_event and e.dagster_event.message)
