"""`almanac queues`: what waits and runs in each queue, and the three things that a person may do about it."""

import click
import dagster as dg

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.tables import text_table
from orchestration.instance import open_instance
from orchestration.queues import QUEUE, Queue, is_paused, load_policy, pause, resume

_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
_RUNNING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_ENDED = {"succeeded": [dg.DagsterRunStatus.SUCCESS], "failed": [dg.DagsterRunStatus.FAILURE]}


@click.group(invoke_without_command=True)
@click.pass_context
def queues(ctx: click.Context) -> None:
    """Queues of background work: see them, pause and resume them.

    Without a command: each queue with its limits and its runs. `orchestration/queues.yml` declares them.
    """
    if ctx.invoked_subcommand is None:
        with open_instance(Settings.from_env()) as instance:
            rows = [_row(instance, queue) for queue in load_policy().queues]
        columns = ["queue", "state", "limit", "retries", "waiting", "running", *_ENDED]
        click.echo(text_table(columns, rows, right=columns[2:]))


@queues.command("pause")
@click.argument("name")
def pause_queue(name: str) -> None:
    """Start nothing more of a queue: what runs goes on, what is asked for waits."""
    queue = load_policy().queue(name)
    with open_instance(Settings.from_env()) as instance:
        pause(instance, queue)
    click.echo(f"{queue.name} is paused; `almanac queues resume {queue.name}` lets it go on")


@queues.command("resume")
@click.argument("name")
def resume_queue(name: str) -> None:
    """Let what waits in a queue start again."""
    queue = load_policy().queue(name)
    with open_instance(Settings.from_env()) as instance:
        resume(instance, queue)
    click.echo(f"{queue.name} goes on")


@queues.command("waiting")
@click.argument("name")
def waiting(name: str) -> None:
    """List the runs that wait in a queue, the next one first."""
    queue = load_policy().queue(name)
    with open_instance(Settings.from_env()) as instance:
        found = instance.get_run_records(_of(queue, _WAITING))
    rows = [
        (r.dagster_run.run_id, r.dagster_run.job_name, f"{r.create_timestamp:%Y-%m-%d %H:%M:%S} UTC")
        for r in reversed(found)
    ]
    click.echo(text_table(["run", "job", "asked for"], rows) if rows else f"nothing waits in {queue.name}")


@queues.command("remove")
@click.argument("run_id")
def remove(run_id: str) -> None:
    """Take a waiting run out of its queue, so that it never starts."""
    with open_instance(Settings.from_env()) as instance:
        take_out(instance, run_id)
    click.echo(f"run {run_id[:8]} will not start")


def take_out(instance: dg.DagsterInstance, run_id: str) -> None:
    """Cancel a run that waits. Raises AlmanacError if there is no such run or if it has begun."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        raise AlmanacError(f"there is no run {run_id!r}; `almanac queues waiting NAME` lists those that wait")
    if run.status not in _WAITING:
        raise AlmanacError(f"run {run_id[:8]} does not wait any more, it is {run.status.value.lower()}")
    instance.report_run_canceling(run, message="Taken out of its queue.")
    instance.report_run_canceled(run)


def _row(instance: dg.DagsterInstance, queue: Queue) -> tuple[str, ...]:
    counts = [instance.get_runs_count(_of(queue, statuses)) for statuses in (_WAITING, _RUNNING, *_ENDED.values())]
    state = "paused" if is_paused(instance, queue) else "open"
    return (queue.name, state, f"{queue.minutes:g} min", str(queue.retries), *(f"{count:,}" for count in counts))


def _of(queue: Queue, statuses: list[dg.DagsterRunStatus]) -> dg.RunsFilter:
    return dg.RunsFilter(statuses=statuses, tags={QUEUE: queue.name})


COMMANDS: dict[str, click.Command] = {"queues": queues}
