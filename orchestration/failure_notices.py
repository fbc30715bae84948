"""The sensor that tells people of failed and late runs and failed checks, once per incident."""

from datetime import UTC, datetime

import dagster as dg

from alerts.channels import channels
from alerts.notify import look
from alerts.problems import PIPELINE_FAILURE, PUBLICATION, problems_now, readers_see
from almanac.state import Problem, open_state
from almanac.versions import current, read_status
from orchestration.causes import plain
from orchestration.ended_runs import BUILDS, ended_at, ended_runs
from orchestration.jobs import OTHERS
from orchestration.resources import Almanac

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def build_failure_notices(is_production: bool) -> dg.SensorDefinition:
    """The sensor; looking by itself only in production."""

    @dg.sensor(
        name="failure_notices",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if is_production else dg.DefaultSensorStatus.STOPPED,
        description="Tells people, once per incident, of a run that failed or is late and of a check that failed, and "
        "when it is over. Channels: Slack and e-mail, as the settings say.",
    )
    def failure_notices(context: dg.SensorEvaluationContext, almanac: dg.ResourceParam[Almanac]) -> dg.SkipReason:
        settings, now = almanac.settings, datetime.now(UTC)
        problems = problems_now(settings, now)
        seen, status = readers_see(current(settings)), read_status(settings)
        is_told = any(problem.subject == PUBLICATION for problem in problems)
        problems += failed_runs(context.instance, seen, None if is_told else status.attempted_at or LONG_AGO)
        state = open_state(settings)
        try:
            looked = look(state, problems, channels(settings), now, settings.portal_url)
        finally:
            state.close()
        for error in looked.errors:
            context.log.warning(error)
        return dg.SkipReason(looked.words())

    return failure_notices


def failed_runs(instance: dg.DagsterInstance, seen: str, builds_after: datetime | None) -> list[Problem]:
    """A problem for the pipeline and one for each job beside it, where the newest ended run failed.

    A build that fails says so to readers itself, and so does one that goes well. What can say nothing are runs that
    were killed, lost or out of time: looked at are builds that ended after `builds_after` (None: none of them).
    """
    found = [
        (record, f"job {job.name}", f"The job {job.name} failed")
        for job in OTHERS
        for record in ended_runs(instance, [job.name])
    ]
    if builds_after is not None:
        untold = [record for record in ended_runs(instance, BUILDS) if ended_at(record) > builds_after]
        found += [(record, PUBLICATION, "Numbers are not published") for record in untold]
    return [
        Problem(subject, title, _cause(instance, record.dagster_run), seen, PIPELINE_FAILURE)
        for record, subject, title in found
        if record.dagster_run.status is dg.DagsterRunStatus.FAILURE
    ]


def _cause(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What the first failed step said, else what ended the run."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    records = instance.get_records_for_run(run.run_id, of_type=kinds, limit=1).records
    said = ""
    if records and (event := records[0].event_log_entry.dagster_event):
        step = f"step {event.step_key}: " if event.step_key else ""
        data = event.event_specific_data
        error = getattr(data, "error", None)
        cause = getattr(error, "cause", None) or error
        said = step + plain(cause.message if cause else event.message or "")
    return f"run {run.run_id[:8]}: {said or 'it ended without a word'}"
