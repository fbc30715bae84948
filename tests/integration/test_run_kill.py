"""A run of `daily` is killed in each of its phases: readers notice nothing, and the next run makes up for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from almanac.settings import ROOT, Settings
from almanac.versions import current
from orchestration.instance import environment, open_instance
from orchestration.lost_runs import close_lost_runs
from tests.integration.run_story import LIMIT, Story, copied, nothing_is_noticed

PHASES = {
    "ingest": "lake__landings",
    "dbt": "dbt_build",
    "check": "arrivals",
    "publish": "published__version",
}

pytestmark = [pytest.mark.deep, pytest.mark.xdist_group("run_kill")]


@pytest.mark.parametrize("phase", PHASES)
def test_the_next_run_ends_as_if_nothing_had_been(story: Story, tmp_path: Path, phase: str) -> None:
    settings = copied(story.before, tmp_path / "home")
    with nothing_is_noticed(settings, story) as old:
        kill_in(settings, PHASES[phase])
        assert phase == "publish" or current(settings) == old, "it was published although the run was killed"
        with open_instance(settings) as instance:
            [lost] = close_lost_runs(instance)
            run = instance.get_run_by_id(lost)
        assert run
        assert run.status is dg.DagsterRunStatus.FAILURE


def kill_in(settings: Settings, step: str) -> None:
    """Run the job in a process of its own and kill it, with all that it started, once that step has begun."""
    env = {**os.environ, **environment(settings), "ALMANAC_HOME": str(settings.home)}
    command = [sys.executable, "-m", "orchestration.run_daily"]
    worker = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + LIMIT
    try:
        with open_instance(settings) as instance:
            while not has_begun(instance, step):
                assert worker.poll() is None, f"it ended before {step}: {worker.stderr and worker.stderr.read()}"
                assert time.monotonic() < deadline, f"{step} did not begin"
                time.sleep(0.01)
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def has_begun(instance: dg.DagsterInstance, step: str) -> bool:
    """Whether the newest run has begun that step."""
    newest = next(iter(instance.get_runs(limit=1)), None)
    if newest is None:
        return False
    begun = instance.get_records_for_run(newest.run_id, of_type=dg.DagsterEventType.STEP_START).records
    return any(r.event_log_entry.dagster_event and r.event_log_entry.dagster_event.step_key == step for r in begun)
