"""What Dagster watches."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from almanac.build import content_of
from ingestion.lake import Lake
from orchestration.ended_runs import ended_at, ended_runs, failed_in_a_row
from orchestration.jobs import daily, increment
from orchestration.lost_runs import close_lost_runs, fail_timed_out_runs
from orchestration.resources import Almanac

_BUILDING = (daily.name, increment.name)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=1)  # after builds that failed
_WAITING = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED]


@dg.sensor(
    name="lost_runs",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Closes runs whose process is gone, so that no run is shown as running that is not, and makes "
    "failures of those that their time limit ended.",
)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look for runs whose process is gone."""
    closed = [*close_lost_runs(context.instance), *fail_timed_out_runs(context.instance)]
    return dg.SkipReason(f"closed {', '.join(closed)}" if closed else "every run has its process")


def _is_due_again(instance: dg.DagsterInstance, now: datetime) -> bool:
    """Whether the newest builds failed, and the pause after as many failures is over."""
    newest = ended_runs(instance, _BUILDING, most=10)
    failures = failed_in_a_row(newest)
    return failures > 0 and now - ended_at(newest[0]) >= min(_FIRST_PAUSE * (1 << (failures - 1)), _LONGEST_PAUSE)


def build_new_landings(is_production: bool) -> dg.SensorDefinition:
    """The sensor that builds what has landed; watching by itself only in production."""

    @dg.sensor(
        name="new_landings",
        job=increment,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if is_production else dg.DefaultSensorStatus.STOPPED,
        description="Builds what has landed within a minute. One run waits at a time, and takes all that is there. A "
        "build that failed is tried again after 5, 10, 20 minutes and so on, at most an hour apart.",
    )
    def new_landings(
        context: dg.SensorEvaluationContext, almanac: dg.ResourceParam[Almanac]
    ) -> dg.RunRequest | dg.SkipReason:
        content = content_of(Lake.open(almanac.settings).entries())
        if content == context.cursor and not _is_due_again(context.instance, datetime.now(UTC)):
            return dg.SkipReason("nothing has landed")
        # A run that has begun may have read the lake before.
        if context.instance.get_runs(dg.RunsFilter(job_name=increment.name, statuses=_WAITING), limit=1):
            return dg.SkipReason("a run that has not begun will take it")
        context.update_cursor(content)
        return dg.RunRequest()

    return new_landings
