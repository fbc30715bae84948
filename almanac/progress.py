"""Progress of long work, on standard error: silent below two seconds, a line every few seconds above."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUIET_SECONDS = 2.0
EVERY_SECONDS = 2.0


class Progress:
    """Counts steps of one piece of work and says so now and then."""

    def __init__(self, label: str, total: int | None, unit: str) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = 0
        self._start = time.monotonic()
        self._said = self._start + QUIET_SECONDS - EVERY_SECONDS
        self._spoke = False

    def advance(self, n: int = 1) -> None:
        """Add `n` finished steps."""
        self.done += n
        now = time.monotonic()
        if now - self._said >= EVERY_SECONDS and now - self._start >= QUIET_SECONDS:
            self._said, self._spoke = now, True
            self._say(now)

    def finish(self) -> None:
        """Say the final count if anything was said before."""
        if self._spoke:
            self._say(time.monotonic(), end=True)

    def _say(self, now: float, end: bool = False) -> None:
        seconds = now - self._start
        of = f" of {self.total:,}" if self.total else ""
        share = f" ({100 * self.done // self.total} %)" if self.total else ""
        word = "done" if end else "so far"
        print(
            f"{self.label}: {self.done:,}{of} {self.unit}{share}, {seconds:.0f} s {word}", file=sys.stderr, flush=True
        )


@contextmanager
def progress(label: str, total: int | None = None, unit: str = "steps") -> Iterator[Progress]:
    """Report progress of `label` (`total` steps if known) on standard error once it takes over two seconds."""
    p = Progress(label, total, unit)
    try:
        yield p
    finally:
        p.finish()
