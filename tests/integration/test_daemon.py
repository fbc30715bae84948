"""Dagster by itself, as in production: its daemon builds what lands, tells of a failure, and tries again."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from almanac.settings import Settings
from almanac.state import Incident, incidents, open_state
from ingestion.lake import Lake
from orchestration import ui
from orchestration.instance import environment, open_instance
from orchestration.processes import Supervisor, free_port
from tests.small_lake import FIRST_DAY, land_day

LIMIT = 240  # seconds that a busy machine may take for anything


@pytest.mark.deep
def test_the_daemon_builds_what_lands_and_tells_what_failed(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path / "home")
    land_day(settings, FIRST_DAY)
    env = {**environment(settings), "ALMANAC_HOME": str(settings.home), "ALMANAC_ENV": "production"}
    with Supervisor(settings.home / "logs") as programs, open_instance(settings) as instance:
        dagster = programs.start(
            "dagster", ui.command(settings, free_port(settings.host)), {**os.environ, **env}, ui.STOP_SIGNAL
        )
        alive = lambda: dagster.process.poll() is None  # noqa: E731

        until(alive, lambda: runs(instance, dg.DagsterRunStatus.SUCCESS) == 1)
        assert incident(settings) is None

        [broken] = [e for e in Lake.open(settings).entries() if e.kind == "events"]
        path = settings.lake / broken.path
        content = path.read_bytes()
        path.unlink()  # a file that is gone stops every build
        land_day(settings, FIRST_DAY + timedelta(days=1))
        until(alive, lambda: incident(settings) is not None)
        found = incident(settings)
        assert found is not None
        assert "the lake is damaged" in found.problem.cause

        path.write_bytes(content)
        land_day(settings, FIRST_DAY + timedelta(days=2))
        until(alive, lambda: runs(instance, dg.DagsterRunStatus.SUCCESS) == 2)


def until(alive: Callable[[], bool], is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not is_so():
        assert alive(), "Dagster ended"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(1)


def runs(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> int:
    return len(instance.get_runs(dg.RunsFilter(job_name="increment", statuses=[status])))


def incident(settings: Settings) -> Incident | None:
    state = open_state(settings)
    try:
        return next((i for i in incidents(state) if i.problem.subject == "publication" and not i.closed_at), None)
    finally:
        state.close()
