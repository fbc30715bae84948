"""PostgreSQL, which keeps Dagster's runs and the application state, is restarted or gone in the middle of a run."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest

from almanac.compare import compare
from almanac.settings import DAGSTER_DSN, ROOT, Settings
from almanac.versions import current, read_status
from orchestration.instance import environment, open_instance
from tests import postgres
from tests.integration.run_story import LIMIT, Story, copied, values
from tests.integration.test_run_kill import PHASES, has_begun

pytestmark = [
    pytest.mark.deep,
    pytest.mark.xdist_group("run_kill"),
    pytest.mark.skipif(
        importlib.util.find_spec("dagster_postgres") is None, reason="the package dagster-postgres is not installed"
    ),
]


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    said: str


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Dagster reads its database from this process's environment; the next test has another."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Running]:
    with postgres.own_server() as running:
        yield running


@pytest.mark.parametrize("phase", PHASES)
def test_after_a_restart_of_the_database_the_numbers_are_as_if_nothing_had_been(
    story: Story, server: postgres.Running, tmp_path: Path, phase: str
) -> None:
    """The run goes on; or a question was under way in that moment, and the run says so and the next one goes on."""
    with postgres.database(server.dsn) as dsn:
        settings = on_postgres(copied(story.before, tmp_path / "home"), dsn)
        old = current(settings)

        def restart() -> None:
            server.stop()
            server.start()

        ended = run(settings, PHASES[phase], restart)
        if ended.code != 0:
            assert "connection" in last_line(ended)
            assert phase == "publish" or current(settings) == old, "it was published although the run failed"
            again = run(settings, None, None)
            assert again.code == 0, again.said
        assert read_status(settings).succeeded
        with open_instance(settings) as instance:
            assert [one for one in instance.get_runs() if not one.is_finished] == []
        assert compare(settings.warehouse, story.after.warehouse).differing == {}
        assert values(settings) == values(story.after)


def test_a_database_that_stays_away_fails_the_run_and_the_next_one_makes_up_for_it(
    story: Story, server: postgres.Running, tmp_path: Path
) -> None:
    with postgres.database(server.dsn) as dsn:
        settings = on_postgres(copied(story.before, tmp_path / "home"), dsn)
        old = current(settings)
        ended = run(settings, PHASES["dbt"], server.stop)
        try:
            assert ended.code == 1, ended.said
            assert "connection" in last_line(ended)
            assert current(settings) == old, "readers keep what they had"
        finally:
            server.start()
        again = run(settings, None, None)
        assert again.code == 0, again.said
        with open_instance(settings) as instance:
            statuses = [run.status for run in instance.get_runs()]
        assert statuses == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
        assert compare(settings.warehouse, story.after.warehouse).differing == {}
        assert values(settings) == values(story.after)


def last_line(ended: Ended) -> str:
    """What a run that failed says in the end: one line, in which no statement stands."""
    assert ended.code == 1, ended.said
    last = ended.said.strip().splitlines()[-1]
    assert last.startswith("Error: "), ended.said
    assert "SELECT" not in last
    assert len(last) < 400
    return last


def on_postgres(settings: Settings, dsn: str) -> Settings:
    """The installation with its runs and its application state in this database."""
    return replace(settings, dagster_dsn=dsn, state_dsn=dsn)


def run(settings: Settings, step: str | None, do: Callable[[], None] | None) -> Ended:
    """Run the job in a process of its own, and `do` something once that step has begun."""
    assert settings.dagster_dsn
    env = {**os.environ, **environment(settings), "ALMANAC_HOME": str(settings.home)}
    env |= {DAGSTER_DSN: settings.dagster_dsn, "ALMANAC_STATE_URL": settings.dagster_dsn}
    command = [sys.executable, "-m", "orchestration.run_daily"]
    with (settings.home / "said").open("w+") as said:
        worker = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, stderr=said, text=True)
        try:
            if step is not None and do is not None:
                wait(settings, worker, step)
                do()
            code = worker.wait(LIMIT)
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        said.seek(0)
        return Ended(code, said.read())


def wait(settings: Settings, worker: "subprocess.Popen[str]", step: str) -> None:
    deadline = time.monotonic() + LIMIT
    with open_instance(settings) as instance:
        while not has_begun(instance, step):
            assert worker.poll() is None, f"it ended before {step}"
            assert time.monotonic() < deadline, f"{step} did not begin"
            time.sleep(0.01)
