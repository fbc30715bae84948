"""Runs in Dagster that have ended, without anything having run."""

import dagster as dg


def ended(instance: dg.DagsterInstance, job: str, *, failed: bool, said: str = "the process is gone") -> None:
    """Note a run of the job that ended now."""
    run = instance.add_run(dg.DagsterRun(job, status=dg.DagsterRunStatus.STARTED))
    if failed:
        instance.report_run_failed(run, said)
    else:
        event = dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name=job)
        instance.report_dagster_event(event, run.run_id)
