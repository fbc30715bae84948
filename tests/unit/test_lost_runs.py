"""Runs whose process is gone are closed, and no others."""

import json
import os
import subprocess
import sys

import dagster as dg
import pytest

from orchestration.lost_runs import PROCESS, close_lost_runs, is_lost, mark


@pytest.fixture(scope="module")
def ended() -> dict[str, str]:
    """The mark of a process that has ended."""
    code = "import json; from orchestration.lost_runs import mark; print(json.dumps(mark()))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    tags: dict[str, str] = json.loads(said)
    return tags


def changed(position: int, value: str) -> dict[str, str]:
    words = mark()[PROCESS].split(" ")
    words[position] = value
    return {PROCESS: " ".join(words)}


def test_a_living_process_is_not_lost() -> None:
    assert not is_lost(mark())


def test_an_ended_process_is_lost(ended: dict[str, str]) -> None:
    assert is_lost(ended)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_process_id_that_was_given_to_another_process_is_lost() -> None:
    assert is_lost(changed(3, "1"))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_process_from_before_the_machine_restarted_is_lost() -> None:
    assert is_lost(changed(1, "another-start"))


def test_nobody_can_tell_about_another_host_or_an_unmarked_run(ended: dict[str, str]) -> None:
    _, *rest = ended[PROCESS].split(" ")
    assert not is_lost({PROCESS: " ".join(("elsewhere", *rest))})
    assert not is_lost({})


def test_only_lost_runs_that_are_shown_as_running_are_closed(ended: dict[str, str]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        started = dg.DagsterRunStatus.STARTED
        lost = instance.add_run(dg.DagsterRun("daily", status=started, tags=ended)).run_id
        living = instance.add_run(dg.DagsterRun("daily", status=started, tags=mark())).run_id
        over = instance.add_run(dg.DagsterRun("daily", status=dg.DagsterRunStatus.SUCCESS, tags=ended)).run_id
        assert close_lost_runs(instance) == [lost]
        statuses = {run.run_id: run.status for run in instance.get_runs()}
        assert statuses == {
            lost: dg.DagsterRunStatus.FAILURE,
            living: started,
            over: dg.DagsterRunStatus.SUCCESS,
        }
        assert close_lost_runs(instance) == []


def test_the_process_named_is_this_one() -> None:
    assert mark()[PROCESS].split(" ")[2] == str(os.getpid())
