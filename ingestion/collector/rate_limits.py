"""How fast each write key may send: a token bucket per key, in events.

A bucket holds the events of `BURST_SECONDS`. Whoever has any left may send a whole batch, and waits afterwards until it
is paid for: so a batch of any size passes, and over time the rate holds.
"""

import math
import time
from collections.abc import Callable

from almanac.state import WriteKey
from ingestion.collector.problems import Problem

BURST_SECONDS = 2.0


class RateLimits:
    """The buckets of all keys that have a rate. In memory: a restart fills them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # key id -> events left, as of when

    def check(self, key: WriteKey) -> None:
        """Raise Problem (429) if the key has nothing left to send by."""
        rate = key.events_per_second
        if rate is None:
            return
        left = self._left(key, rate)
        if left >= 1:
            return
        seconds = max(1, math.ceil((1 - left) / rate))
        message = f"This write key may send {rate:,.6g} events a second and sent more. Send again in {seconds} s."
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
            self._buckets[key.id] = (self._left(key, key.events_per_second) - events, self._clock())

    def _left(self, key: WriteKey, rate: float) -> float:
        full = max(1.0, rate * BURST_SECONDS)
        left, since = self._buckets.get(key.id, (full, 0.0))
        return min(full, left + (self._clock() - since) * rate)
