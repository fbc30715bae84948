"""What Dagster watches."""

import dagster as dg

from almanac.build import content_of
from ingestion.lake import Lake
from orchestration.jobs import increment
from orchestration.lost_runs import close_lost_runs
from orchestration.resources import Almanac

_WAITING = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED]


@dg.sensor(
    name="lost_runs",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Closes runs whose process is gone, so that no run is shown as running that is not.",
)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look for runs whose process is gone."""
    closed = close_lost_runs(context.instance)
    return dg.SkipReason(f"closed {', '.join(closed)}" if closed else "every run has its process")


def build_new_landings(is_production: bool) -> dg.SensorDefinition:
    """The sensor that builds what has landed; watching by itself only in production."""

    @dg.sensor(
        name="new_landings",
        job=increment,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if is_production else dg.DefaultSensorStatus.STOPPED,
        description="Builds what has landed within a minute. One run waits at a time, and takes all that is there.",
    )
    def new_landings(
        context: dg.SensorEvaluationContext, almanac: dg.ResourceParam[Almanac]
    ) -> dg.RunRequest | dg.SkipReason:
        content = content_of(Lake.open(almanac.settings).entries())
        if content == context.cursor:
            return dg.SkipReason("nothing has landed")
        # A run that has begun may have read the lake before.
        if context.instance.get_runs(dg.RunsFilter(job_name=increment.name, statuses=_WAITING), limit=1):
            return dg.SkipReason("a run that has not begun will take it")
        context.update_cursor(content)
        return dg.RunRequest()

    return new_landings
