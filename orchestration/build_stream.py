"""A build in a thread of its own, so that its events can be handed on one by one while it runs."""

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread

from almanac.build import BuildResult
from almanac.dbt_worker import Event, OnEvent

Build = Callable[[OnEvent], BuildResult]


class BuildStream:
    """Iterate over the events of `build` as they happen; when the iteration is over, `result` tells how it ended."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._said: SimpleQueue[Event | None] = SimpleQueue()
        self._result: BuildResult | None = None
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[Event]:
        """Start the build and yield dbt's result event of each model and test. Raises what the build raises."""
        # A daemon: a run that is cancelled must not wait for it, and its dbt worker ends with it.
        thread = Thread(target=self._run, name="build", daemon=True)
        thread.start()
        while (event := self._said.get()) is not None:
            yield event
        thread.join()
        if self._error is not None:
            raise self._error

    @property
    def result(self) -> BuildResult:
        """How the build ended; to be asked after the iteration."""
        if self._result is None:
            raise RuntimeError("the build has not ended")
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._build(self._said.put)
        except BaseException as error:  # handed on to the thread that iterates
            self._error = error
        finally:
            self._said.put(None)
