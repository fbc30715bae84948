"""What a build and a publication say about themselves: a context around each, silent where no endpoint is set."""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from almanac.errors import AlmanacError
from almanac.openlineage import datasets
from almanac.openlineage.datasets import Dataset
from almanac.openlineage.events import Event, Run, State, Telling, event
from almanac.openlineage.sender import Sender, sender_to
from almanac.settings import Settings

_log = logging.getLogger("almanac.openlineage")


class Told:
    """What one run of a job has to say; everything is sent when it ends, only its start may be said before."""

    def __init__(self, sender: Sender, telling: Telling) -> None:
        self._sender = sender
        self._telling = telling
        self._start = event(telling, "START", datetime.now(UTC))
        self._parts: list[Sequence[Event]] = []
        self._datasets: tuple[Sequence[Dataset], Sequence[Dataset]] = ((), ())
        self._is_said = False
        self.error = ""

    @property
    def run(self) -> Run:
        """The run."""
        return self._telling.run

    def begins(self) -> None:
        """Say now that it has begun."""
        self._is_said = True
        self._sender.send([self._start])

    def add(self, parts: Sequence[Sequence[Event]], inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> None:
        """What its parts did, a series of events for each of their runs, and what it read and wrote itself."""
        self._parts += parts
        self._datasets = (inputs, outputs)

    def ends(self, error: str) -> None:
        """Say everything. Without start, part, dataset and error there was nothing to do, and nothing is said."""
        if not (self._is_said or self._parts or any(self._datasets) or error):
            return
        inputs, outputs = self._datasets
        state: State = "FAIL" if error else "COMPLETE"
        end = event(self._telling, state, datetime.now(UTC), inputs=inputs, outputs=outputs, error=error)
        self._sender.send(*self._parts, [end] if self._is_said else [self._start, end])
        self._sender.wait()


def tell_publication(told: Told, settings: Settings, relations: Sequence[str], version: str) -> None:
    """Tell of a publication: the relations (`schema.name`) of the DuckDB warehouse that went into a version.

    What it changed in the values of KPIs went into the lake.
    """
    inputs = [datasets.built_table(settings, relation) for relation in relations]
    told.add([], inputs, [datasets.published(settings, version), datasets.lake(settings, "history")])


Say = Callable[[Callable[[Told], None]], None]


@contextmanager
def told(settings: Settings, job: str, run_id: str | None = None, parent: Run | None = None) -> Iterator[Say]:
    """Tell the endpoint of the settings about a run of `job`, which lasts as long as this context.

    What is yielded takes a function that adds to what is told; it is not called without an endpoint, and an error in it
    stays here. `run_id` is a UUID (default: a new one), `parent` the run that started this one. An error that leaves
    the context makes the run a failed one.
    """
    if settings.openlineage is None:
        yield lambda _: None
        return
    run = Run(settings.openlineage.namespace, job, str(uuid.UUID(run_id) if run_id else uuid.uuid4()))
    telling = Told(sender_to(settings.openlineage), Telling(run, "ALMANAC", "JOB", parent))

    def say(add: Callable[[Told], None]) -> None:
        try:
            add(telling)
        except Exception:
            _log.warning("The lineage of %s could not be told", job, exc_info=True)

    try:
        yield say
    except BaseException as error:
        message = str(error) if isinstance(error, AlmanacError) else type(error).__name__
        say(lambda one: one.ends(message))
        raise
    say(lambda one: one.ends(one.error))
