"""A process of dbt that is started ahead of its build: one build takes it, and nobody is left behind."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from almanac import spawned_dbt
from almanac.build import run_build
from almanac.settings import Settings
from almanac.spawned_dbt import started
from tests.small_lake import FIRST_DAY, land_day
from tests.small_project import small_settings

Workers = list[subprocess.Popen[bytes]]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Every process of dbt that the test started."""
    found: Workers = []
    spawn = spawned_dbt._spawn

    def noted(settings: Settings) -> subprocess.Popen[bytes]:
        found.append(spawn(settings))
        return found[-1]

    monkeypatch.setattr(spawned_dbt, "_spawn", noted)
    return found


def test_a_build_takes_the_process_that_was_started_for_it(tmp_path: Path, workers: Workers) -> None:
    settings = small_settings(tmp_path)
    land_day(settings, FIRST_DAY)
    with started(settings) as dbt:
        result = run_build(settings, runner=dbt)
        assert (result.built, result.succeeded) == (True, True)
        assert [worker.returncode for worker in workers] == [0]
        assert not run_build(settings, runner=dbt).built
        assert len(workers) == 1  # with nothing to do nothing was started


def test_a_process_that_nobody_needs_ends_with_the_context(tmp_path: Path, workers: Workers) -> None:
    settings = small_settings(tmp_path)
    with started(settings):
        assert [worker.poll() for worker in workers] == [None]
    assert [worker.poll() is None for worker in workers] == [False]


def test_a_process_that_died_early_is_a_failed_build(tmp_path: Path, workers: Workers) -> None:
    settings = small_settings(tmp_path)
    land_day(settings, FIRST_DAY)
    with started(settings) as dbt:
        workers[0].kill()
        workers[0].wait()
        result = run_build(settings, runner=dbt)
        assert "exit code -9" in result.error


def test_other_settings_get_a_process_of_their_own(tmp_path: Path, workers: Workers) -> None:
    settings = small_settings(tmp_path)
    with started(settings) as dbt:
        other = replace(settings, home=tmp_path / "other", lake=tmp_path / "other" / "lake", target="nowhere")
        assert dbt.build(other, full_refresh=False).error
        assert len(workers) == 2
