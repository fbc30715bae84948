"""Runs of a queue that failed are tried again, after pauses that grow; at most as often as their queue says.

Not tried again is what a run itself refuses (`dagster.Failure`: a check that failed, a damaged lake): it would end the
same way. Tried again is what was killed, took too long, or met an error of its surroundings.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from orchestration.ended_runs import ended_at
from orchestration.queues import QUEUE, Policy, Queue, load_policy

RETRY_OF, RETRY = "almanac/retry_of", "almanac/retry"  # the id of the first attempt; the number of this one, from 1
_LOOK_BACK = timedelta(days=1)  # older failures were seen to by somebody
_MOST = 200  # newest failures of a queue that are looked at


def due_retries(instance: dg.DagsterInstance, policy: Policy, now: datetime) -> Iterator[dg.RunRequest]:
    """What is to be started now (`now` is aware); the same run is never asked for twice."""
    for queue in policy.queues:
        for record in _failures(instance, queue, now):
            run = record.dagster_run
            root, retry = run.tags.get(RETRY_OF, run.run_id), int(run.tags.get(RETRY, "0")) + 1
            if retry > queue.retries or _is_tried(instance, root, retry) or is_refusal(instance, run.run_id):
                continue
            if now >= ended_at(record) + timedelta(seconds=policy.pause_seconds(root, retry)):
                yield dg.RunRequest(
                    run_key=f"{root}:{retry}",
                    job_name=run.job_name,
                    run_config=run.run_config,
                    tags={RETRY_OF: root, RETRY: str(retry)},
                    asset_selection=sorted(run.asset_selection) if run.asset_selection else None,
                )


def is_refusal(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run was ended by what one of its steps said on purpose."""
    failures = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    events = [record.event_log_entry.dagster_event for record in failures]
    return any(event and event.step_failure_data.user_failure_data for event in events)


def _failures(instance: dg.DagsterInstance, queue: Queue, now: datetime) -> Sequence[dg.RunRecord]:
    wanted = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE], tags={QUEUE: queue.name}, updated_after=now - _LOOK_BACK
    )
    return instance.get_run_records(wanted, limit=_MOST)


def _is_tried(instance: dg.DagsterInstance, root: str, retry: int) -> bool:
    return bool(instance.get_runs(dg.RunsFilter(tags={RETRY_OF: root, RETRY: str(retry)}), limit=1))


def build_queue_retries(
    jobs: Sequence[Any], *, is_production: bool, policy: Policy | None = None, seconds: int = 15
) -> dg.SensorDefinition:
    """The sensor that tries the runs of these jobs again; by itself only in production."""

    @dg.sensor(
        name="queue_retries",
        jobs=jobs,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if is_production else dg.DefaultSensorStatus.STOPPED,
        description="Tries a run that failed again after a pause that doubles each time, as often as its queue says. "
        "What a run itself refused is not tried again.",
    )
    def queue_retries(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        found = list(due_retries(context.instance, policy or load_policy(), datetime.now(UTC)))
        yield from found
        if not found:
            yield dg.SkipReason("nothing is to be tried again now")

    return queue_retries
