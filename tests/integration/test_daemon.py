"""Dagster by itself, as in production: its daemon builds what lands, tells of a failure, and tries again."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from almanac.build import run_build
from almanac.compare import compare
from almanac.settings import Settings
from almanac.state import Incident, incidents, open_state
from almanac.versions import current
from ingestion.lake import Lake
from orchestration import ui
from orchestration.instance import environment, open_instance
from orchestration.processes import Child, Supervisor, free_port
from tests.integration.run_story import LIMIT, Story, copied
from tests.integration.test_reads_while_building import Reader
from tests.integration.test_run_kill import PHASES, has_begun
from tests.serving.running import running_portal
from tests.small_lake import FIRST_DAY, land_day


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


@pytest.mark.deep
@pytest.mark.xdist_group("run_kill")
def test_a_daemon_that_is_killed_in_a_run_is_made_up_for_by_the_next_one(story: Story, tmp_path: Path) -> None:
    settings, undisturbed = (copied(of, tmp_path / name) for of, name in ((story.before, "home"), (story.after, "un")))
    old = current(settings)
    assert old is not None
    with (
        running_portal(settings.home) as address,
        Supervisor(settings.home / "logs") as programs,
        open_instance(settings) as instance,
    ):
        reader = Reader(address)
        reader.start()
        first = start_daemon(programs, settings, "first")
        until(lambda: first.process.poll() is None, lambda: is_building(instance))
        os.killpg(first.process.pid, signal.SIGKILL)  # as a service manager does: with all that it started
        first.process.wait()
        assert runs(instance, dg.DagsterRunStatus.STARTED) == 1, "the run ended before the daemon did"
        second = start_daemon(programs, settings, "second")
        alive = lambda: second.process.poll() is None  # noqa: E731
        until(alive, lambda: runs(instance, dg.DagsterRunStatus.FAILURE) == 1)
        for own in (settings, undisturbed):  # what was pending is taken along with what comes next
            land_day(own, FIRST_DAY, tag="after")
        assert run_build(undisturbed).succeeded
        until(alive, lambda: runs(instance, dg.DagsterRunStatus.SUCCESS) == 1)
        reader.finish()
    assert (reader.errors, {version for version, _ in reader.seen}) == ([], {old.id}), "nothing was published"
    assert compare(settings.warehouse, undisturbed.warehouse).differing == {}


def start_daemon(programs: Supervisor, settings: Settings, name: str) -> Child:
    """The daemon alone, in production, as its service starts it."""
    env = {**environment(settings), "ALMANAC_HOME": str(settings.home), "ALMANAC_ENV": "production"}
    return programs.start(name, ui.command(settings, 0, "daemon"), {**os.environ, **env}, ui.STOP_SIGNAL)


def is_building(instance: dg.DagsterInstance) -> bool:
    """Whether a run has got to its models."""
    return has_begun(instance, PHASES["dbt"]) and runs(instance, dg.DagsterRunStatus.STARTED) == 1


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
