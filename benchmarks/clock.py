"""Wall and CPU time of a piece of work."""

import resource
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Took:
    """Seconds that a piece of work took: of the clock on the wall, and of all processors together."""

    wall: float
    cpu: float

    def plus(self, other: "Took") -> "Took":
        """Both one after the other."""
        return Took(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: "Took") -> "Took":
        """What lies between two readings of one clock."""
        return Took(self.wall - other.wall, self.cpu - other.cpu)


class Clock:
    """Time of this process since the clock was made; with `children`, of processes it started and that ended, too."""

    def __init__(self, *, children: bool = False) -> None:
        self._children = children
        self._start = self._reading()

    def took(self) -> Took:
        """What it took up to now."""
        return self._reading() - self._start

    def _reading(self) -> Took:
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
        if self._children:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu += used.ru_utime + used.ru_stime
        return Took(time.monotonic(), cpu)
