"""How fast each write key may send: a token bucket per key, in events.

A bucket holds the events of `BURST_SECONDS`. Whoever has any left may send a whole batch, and waits afterwards until it
is paid for: so a batch of any size passes, and over time the rate holds. Collectors know nothing of each other: of
several each allows an equal share of a key's rate, so that together they do not let through more than it.
"""

import math
import time
from collections.abc import Callable

from almanac.state import WriteKey
from ingestion.collector.problems import Problem

BURST_SECONDS = 2.0


class RateLimits:
    """The buckets of all keys that have a rate. In memory: a restart fills them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, collectors: int = 1) -> None:
        """`collectors` is how many share a key's rate."""
        self._clock = clock
        self._collectors = collectors
        self._buckets: dict[str, tuple[float, float]] = {}  # key id -> events left, as of when

    def check(self, key: WriteKey) -> None:
        """Raise Problem (429) if the key has nothing left to send by."""
        if key.events_per_second is None:
            return
        rate = key.events_per_second / self._collectors
        left = self._left(key, rate)
        if left >= 1:
            return
        seconds = max(1, math.ceil((1 - left) / rate))
        here = f" ({rate:,.6g} here)" if self._collectors > 1 else ""
        message = f"This write key may send {key.events_per_second:,.6g} events a second{here} and sent more."
        message += f" Send again in {seconds} s."
        headers = (
            (b"retry-after", str(seconds).encode()),
            (b"x-ratelimit-limit", f"{rate:.6g}".encode()),
            (b"x-ratelimit-remaining", b"0"),
            (b"x-ratelimit-reset", str(math.ceil(time.time()) + seconds).encode()),
        )
        raise Problem(429, "rate_limited", message, headers=headers)

    def spend(self, key: WriteKey, events: int) -> None:
        """Note that the key has sent so many events."""
        if key.events_per_second is not None:
            left = self._left(key, key.events_per_second / self._collectors)
            self._buckets[key.id] = (left - events, self._clock())

    def _left(self, key: WriteKey, rate: float) -> float:
        full = max(1.0, rate * BURST_SECONDS)
        left, since = self._buckets.get(key.id, (full, 0.0))
        return min(full, left + (self._clock() - since) * rate)
