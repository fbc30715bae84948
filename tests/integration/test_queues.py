"""Queues of background work: how often a failed run is tried again and when, what is kept, and what a person may do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from almanac.errors import AlmanacError
from almanac.settings import Settings
from orchestration.instance import open_instance
from orchestration.lost_runs import fail_timed_out_runs
from orchestration.old_runs import superfluous
from orchestration.queues import LIMIT, QUEUE, Policy, Queue, in_queue, is_paused, load_policy, pause, resume
from orchestration.queues_cli import queues
from orchestration.retries import RETRY, RETRY_OF, due_retries

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
FAILED, WENT_WELL = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
NAMES = [queue.name for queue in load_policy().queues]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    return Settings.for_home(tmp_path)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@dg.op
def refuses() -> None:
    raise dg.Failure("the numbers are wrong")


@dg.op
def breaks() -> None:
    raise ConnectionError("the line is dead")


@dg.asset
def shown() -> None:
    """Something that was materialized."""


def run_of(op: dg.OpDefinition, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = dg.GraphDefinition("job", node_defs=[op]).to_job(tags=in_queue("reports"), config=QUIET)
    return job.execute_in_process(instance=instance, raise_on_error=False)


def failed(instance: dg.DagsterInstance, queue: str, tags: dict[str, str] | None = None) -> str:
    made = dg.DagsterRun("job", status=FAILED, tags={**in_queue(queue), **(tags or {})})
    return instance.add_run(made).run_id


def test_the_numbers_of_the_queues_are_those_of_the_file() -> None:
    policy = load_policy()
    assert {q.name: (q.minutes, q.retries) for q in policy.queues} == {
        "reports": (2, 2),
        "aggregation": (5, 5),
        "segments": (3, 3),
    }
    assert (policy.kept.succeeded, policy.kept.failed) == (100, 500)
    assert in_queue("segments") == {QUEUE: "segments", LIMIT: "180"}
    with pytest.raises(AlmanacError, match="no queue 'mail'; known are reports, aggregation, segments"):
        policy.queue("mail")


def test_a_mistake_in_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "queues.yml"
    path.write_text("queues: []\nfirst_pause_seconds: 0\nkept: {succeeded: 1, failed: 1}\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match="first_pause_seconds"):
        load_policy(path)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_failed_is_tried_again_as_often_as_its_queue_says_after_growing_pauses(
    instance: dg.DagsterInstance, name: str
) -> None:
    policy = load_policy()
    root = failed(instance, name)
    pauses: list[float] = []
    while len(pauses) < 20:
        seconds = policy.pause_seconds(root, len(pauses) + 1)
        now = datetime.now(UTC)  # when the newest attempt ended
        if not (found := list(due_retries(instance, policy, now + timedelta(seconds=seconds + 1)))):
            break
        assert list(due_retries(instance, policy, now + timedelta(seconds=seconds - 2))) == []
        [request] = found
        assert request.run_key == f"{root}:{len(pauses) + 1}"
        pauses.append(seconds)
        failed(instance, name, dict(request.tags))
    assert len(pauses) == policy.queue(name).retries
    for n, seconds in enumerate(pauses):
        assert 1 <= seconds / (policy.first_pause_seconds * 2**n) <= 1.1


def test_what_a_run_refused_is_not_tried_again_and_what_broke_is(instance: dg.DagsterInstance) -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert not run_of(refuses, instance).success
    assert list(due_retries(instance, load_policy(), later)) == []
    broken = run_of(breaks, instance)
    [request] = due_retries(instance, load_policy(), later)
    assert (request.tags[RETRY_OF], request.tags[RETRY]) == (broken.run_id, "1")


def test_a_run_ended_by_its_limit_failed_whoever_had_the_last_word_and_one_ended_by_a_person_did_not(
    instance: dg.DagsterInstance,
) -> None:
    said = {"limit": "Canceling due to exceeding maximum runtime of 120 seconds.", "person": "Sending run termination"}
    ended = {}
    for who, message in said.items():
        run = instance.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.STARTED, tags=in_queue("reports")))
        instance.report_run_canceling(run, message=message)
        instance.report_run_canceled(run)
        ended[who] = run.run_id
    assert fail_timed_out_runs(instance) == [ended["limit"]]
    assert fail_timed_out_runs(instance) == []
    [request] = due_retries(instance, load_policy(), datetime.now(UTC) + timedelta(minutes=5))
    assert request.tags[RETRY_OF] == ended["limit"]


def test_old_failures_and_other_runs_are_left_alone(instance: dg.DagsterInstance) -> None:
    failed(instance, "reports")
    instance.add_run(dg.DagsterRun("job", status=FAILED))
    instance.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.CANCELED, tags=in_queue("reports")))
    assert len(list(due_retries(instance, load_policy(), datetime.now(UTC) + timedelta(minutes=5)))) == 1
    assert list(due_retries(instance, load_policy(), datetime.now(UTC) + timedelta(days=2))) == []


def test_of_each_queue_the_newest_runs_are_kept_and_what_an_asset_shows(instance: dg.DagsterInstance) -> None:
    policy = load_policy().model_copy(
        update={"kept": load_policy().kept.model_copy(update={"succeeded": 2, "failed": 3})}
    )
    tags = in_queue("reports")
    made = dg.materialize([shown], instance=instance, tags=tags, run_config=QUIET)
    went_well = [instance.add_run(dg.DagsterRun("job", status=WENT_WELL, tags=tags)).run_id for _ in range(4)]
    went_wrong = [failed(instance, "reports") for _ in range(5)]
    other = [failed(instance, "segments") for _ in range(3)]
    found = set(superfluous(instance, policy))
    assert found == {*went_well[:2], *went_wrong[:2]}
    assert made.run_id not in found
    assert not found & set(other)


def test_a_queue_is_paused_and_goes_on(instance: dg.DagsterInstance) -> None:
    queue = load_policy().queue("reports")
    assert not is_paused(instance, queue)
    pause(instance, queue)
    assert is_paused(instance, queue)
    assert not is_paused(instance, load_policy().queue("segments"))
    resume(instance, queue)
    assert not is_paused(instance, queue)


def test_a_person_sees_pauses_and_empties_a_queue(settings: Settings) -> None:
    with open_instance(settings) as instance:
        see_pause_and_empty(instance)


def see_pause_and_empty(instance: dg.DagsterInstance) -> None:
    waiting = instance.add_run(
        dg.DagsterRun("job", status=dg.DagsterRunStatus.NOT_STARTED, tags=in_queue("reports"))
    ).run_id
    failed(instance, "reports")

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(queues, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    assert "reports is paused" in said("pause", "reports")
    line = next(line for line in said().splitlines() if line.startswith("reports"))
    assert line.split() == ["reports", "paused", "2", "min", "2", "1", "0", "0", "1"]
    assert waiting in said("waiting", "reports")
    said("remove", waiting)
    assert said("waiting", "reports") == "nothing waits in reports\n"
    removed = instance.get_run_by_id(waiting)
    assert removed
    assert removed.status is dg.DagsterRunStatus.CANCELED
    with pytest.raises(AlmanacError, match="does not wait any more, it is canceled"):
        CliRunner().invoke(queues, ["remove", waiting], catch_exceptions=False)
    with pytest.raises(AlmanacError, match="there is no run 'nobody'"):
        CliRunner().invoke(queues, ["remove", "nobody"], catch_exceptions=False)
    said("resume", "reports")
    assert "open" in said()


def test_a_queue_is_declared_once() -> None:
    policy = Policy(
        queues=(Queue(name="a", minutes=1, retries=0, description=""),),
        first_pause_seconds=1,
        kept=load_policy().kept,
    )
    assert policy.pause_seconds("one", 1) != policy.pause_seconds("two", 1), "chance differs from run to run"
    assert policy.pause_seconds("one", 1) == policy.pause_seconds("one", 1)
