"""A code location of throwaway jobs on the three queues, with limits and pauses of seconds: `test_queues_daemon.py`."""

import os
import signal
import threading

import dagster as dg

from orchestration.lost_runs import mark
from orchestration.queues import Policy, in_queue, load_policy
from orchestration.retries import build_queue_retries
from orchestration.sensors import lost_runs

LIMIT_SECONDS = 6.0


def scaled() -> Policy:
    """The declared queues with short limits and pauses; the numbers of retries are the real ones."""
    policy = load_policy()
    short = tuple(queue.model_copy(update={"minutes": LIMIT_SECONDS / 60}) for queue in policy.queues)
    return policy.model_copy(update={"queues": short, "first_pause_seconds": 1.0})


@dg.op(pool="reports")
def hang(context: dg.OpExecutionContext) -> None:
    """Take longer than the queue allows."""
    context.instance.add_run_tags(context.run_id, mark())
    threading.Event().wait(600)


@dg.op(pool="aggregation")
def breaks() -> None:
    """Meet an error of the surroundings."""
    raise ConnectionError("the line is dead")


@dg.op(pool="segments")
def dies(context: dg.OpExecutionContext) -> None:
    """Be killed."""
    context.instance.add_run_tags(context.run_id, mark())
    os.kill(os.getpid(), signal.SIGKILL)


def _job(op: dg.OpDefinition, queue: str) -> dg.JobDefinition:
    graph = dg.GraphDefinition(name=queue, node_defs=[op])
    return graph.to_job(executor_def=dg.in_process_executor, tags=in_queue(queue, scaled()))


JOBS = (_job(hang, "reports"), _job(breaks, "aggregation"), _job(dies, "segments"))

defs = dg.Definitions(
    jobs=JOBS, sensors=[lost_runs, build_queue_retries(JOBS, is_production=True, policy=scaled(), seconds=1)]
)
