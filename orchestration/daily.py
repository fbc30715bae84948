"""Running the job `daily` once, in this process, as Dagster records it."""

from functools import partial

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.workspace.load_target import WorkspaceFileTarget

from almanac.dbt_worker import Runner
from almanac.errors import AlmanacError
from almanac.progress import Progress, progress
from almanac.settings import Settings
from almanac.versions import current
from orchestration.causes import of_database, plain
from orchestration.definitions import build_defs
from orchestration.instance import open_instance
from orchestration.lost_runs import close_lost_runs

LOCATION = "almanac"  # ours in workspace.yaml, to which others may be added
# Dagster keeps every event of a run; on the terminal they would hide the few lines that matter.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_daily(settings: Settings, runner: Runner | None = None) -> str:
    """Run the job in this process and return the version that readers see. Raises AlmanacError if the run failed.

    `runner` runs dbt (default: a fresh process).
    """
    said: list[Progress] = []
    defs = build_defs(settings, runner=runner, on_event=lambda _: said[0].advance())
    job = defs.resolve_job_def("daily")
    try:
        with open_instance(settings) as instance:
            close_lost_runs(instance)
            _show_runs_with_the_jobs(instance, settings)
            with progress("Run of `daily`", unit="models and tests") as done:
                said.append(done)
                result = job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)
    except Exception as error:
        reason = of_database(error)
        if reason is None:
            raise
        # The run stays open there; the next one closes it.
        raise AlmanacError(
            f"the database in which Dagster keeps its runs cannot be used: {reason}; see to it"
        ) from error
    if not result.success:
        raise AlmanacError(f"run {result.run_id[:8]} failed: {_reason(result)}")
    version = current(settings)
    return version.id if version else ""


def _show_runs_with_the_jobs(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Dagster's timeline leaves out a run of which it is not said where its job was loaded from."""
    places = WorkspaceFileTarget([str(settings.root / "workspace.yaml")]).create_origins()
    for place in places:
        if place.location_name == LOCATION:
            origin = RemoteJobOrigin(RemoteRepositoryOrigin(place, SINGLETON_REPOSITORY_NAME), "daily")
            instance.create_run_for_job = partial(  # type: ignore[method-assign]
                instance.create_run_for_job, remote_job_origin=origin
            )


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """What ended the run, in the words of the step that failed."""
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            said = failure.user_failure_data.description if failure.user_failure_data else None
            return plain(said or (failure.error.message if failure.error else "no reason was given"))
    return "no step says why"
