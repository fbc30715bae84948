"""Of each queue the newest runs are kept, so that Dagster's storage does not grow without end."""

from collections.abc import Iterator

import dagster as dg

from orchestration.queues import QUEUE, Policy, load_policy

_AT_ONCE = 200  # removed in one look


def superfluous(instance: dg.DagsterInstance, policy: Policy) -> Iterator[str]:
    """Ids of the runs that are more than is kept, newest first.

    A run stays as long as it was the last to materialize some asset: its event is what the asset's page shows.
    """
    shown = _last_materializations(instance)
    for queue in policy.queues:
        for statuses, most in (
            ([dg.DagsterRunStatus.SUCCESS], policy.kept.succeeded),
            ([dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED], policy.kept.failed),
        ):
            wanted = dg.RunsFilter(statuses=statuses, tags={QUEUE: queue.name})
            ids = instance.get_run_ids(wanted, limit=most + _AT_ONCE)
            yield from (run_id for run_id in ids[most:] if run_id not in shown)


def _last_materializations(instance: dg.DagsterInstance) -> set[str]:
    entries = [record.asset_entry for record in instance.get_asset_records()]
    return {e.last_materialization_record.run_id for e in entries if e.last_materialization_record}


def build_old_runs(*, is_production: bool, policy: Policy | None = None, seconds: int = 3600) -> dg.SensorDefinition:
    """The sensor that removes old runs; by itself only in production."""

    kept = (policy or load_policy()).kept

    @dg.sensor(
        name="old_runs",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if is_production else dg.DefaultSensorStatus.STOPPED,
        description=f"Removes runs that are older than the newest {kept.succeeded} that went well and the newest "
        f"{kept.failed} that failed or were cancelled, of each queue.",
    )
    def old_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        found = list(superfluous(context.instance, policy or load_policy()))
        for run_id in found:
            context.instance.delete_run(run_id)
        return dg.SkipReason(f"removed {len(found)} old runs" if found else "there are no more runs than are kept")

    return old_runs
