"""The queues that jobs belong to, as `queues.yml` declares them: time limit, retries, pauses and what is kept.

A job says its queue with `in_queue`, and its ops or assets name the queue as their pool. Dagster ends a run at its
limit and starts nothing of a pool without slots, which is a paused queue; `retries` and `old_runs` do the rest.
"""

import hashlib
from functools import cache
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from almanac.errors import AlmanacError
from almanac.yaml_files import read_yaml

FILE = Path(__file__).with_name("queues.yml")
QUEUE = "almanac/queue"
LIMIT = "dagster/max_runtime"  # seconds; 0: none
AGGREGATION = "aggregation"  # the queue of builds and publications
CHANCE = 0.1  # of a pause, so that what failed together is not tried again together


class Queue(BaseModel):
    """One queue: `minutes` that one attempt may take, and `retries` of a run that failed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    minutes: float = Field(gt=0)
    retries: int = Field(ge=0)
    description: str


class Kept(BaseModel):
    """How many of the newest runs of a queue are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    succeeded: int = Field(ge=1)
    failed: int = Field(ge=1)


class Policy(BaseModel):
    """All queues, and what they have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queues: tuple[Queue, ...]
    first_pause_seconds: float = Field(gt=0)
    kept: Kept

    def queue(self, name: str) -> Queue:
        """The queue of that name. Raises AlmanacError if there is none."""
        for queue in self.queues:
            if queue.name == name:
                return queue
        raise AlmanacError(f"there is no queue {name!r}; known are {', '.join(q.name for q in self.queues)}")

    def pause_seconds(self, root: str, retry: int) -> float:
        """How long to wait before the `retry`-th retry (from 1) of the run `root`; always the same for the same two."""
        digest = hashlib.sha256(f"{root}:{retry}".encode()).digest()
        chance = int.from_bytes(digest[:4], "big") / 2**32
        return self.first_pause_seconds * float(1 << (retry - 1)) * (1 + CHANCE * chance)


@cache
def load_policy(path: Path = FILE) -> Policy:
    """The queues of the file. Raises AlmanacError naming file and field of the first mistake."""
    file = read_yaml(path, f"orchestration/{path.name}")
    try:
        return Policy.model_validate(file.content)
    except ValidationError as error:
        raise AlmanacError(file.problems(error, Policy)[0]) from error


def in_queue(name: str, policy: Policy | None = None) -> dict[str, str]:
    """The tags of a job of that queue. Raises AlmanacError if there is no such queue."""
    queue = (policy or load_policy()).queue(name)
    return {QUEUE: queue.name, LIMIT: f"{queue.minutes * 60:g}"}


def is_paused(instance: dg.DagsterInstance, queue: Queue) -> bool:
    """Whether nothing of the queue starts."""
    limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    return limits.get(queue.name) == 0


def pause(instance: dg.DagsterInstance, queue: Queue) -> None:
    """Start nothing more of the queue; what runs goes on, what is asked for waits."""
    instance.event_log_storage.set_concurrency_slots(queue.name, 0)


def resume(instance: dg.DagsterInstance, queue: Queue) -> None:
    """Let the queue's runs start again, in the order in which they were asked for."""
    instance.event_log_storage.delete_concurrency_limit(queue.name)
