"""The rate of a write key: over any time, no more than its rate and one burst, and no batch is too large for ever."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.state import WriteKey
from ingestion.collector.problems import Problem
from ingestion.collector.rate_limits import BURST_SECONDS, RateLimits


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def key(rate: float | None, id_: str = "1") -> WriteKey:
    return WriteKey(id_, "alm_aaaaaaaa", "rentals", "web", "", datetime(2026, 1, 1, tzinfo=UTC), None, rate)


def wait_of(limits: RateLimits, of: WriteKey) -> int:
    """Seconds that the key is told to wait; 0: it may send."""
    try:
        limits.check(of)
    except Problem as problem:
        return int(dict(problem.headers)[b"retry-after"])
    return 0


def test_a_key_without_a_rate_may_always_send() -> None:
    limits = RateLimits(Clock())
    limits.spend(key(None), 10**9)
    assert wait_of(limits, key(None)) == 0


def test_what_was_sent_too_fast_is_paid_for_by_waiting() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    limits.check(key(10))
    limits.spend(key(10), 45)  # 20 were there, so 26 are missing to one
    assert wait_of(limits, key(10)) == 3
    assert wait_of(limits, key(10, "2")) == 0  # every key has its own
    clock.now += 2.5
    assert wait_of(limits, key(10)) == 1
    clock.now += 0.11
    assert wait_of(limits, key(10)) == 0


def test_the_answer_says_limit_and_when_to_come_again() -> None:
    limits = RateLimits(Clock())
    limits.spend(key(0.5), 1)
    with pytest.raises(Problem) as caught:
        limits.check(key(0.5))
    assert (caught.value.status, caught.value.code) == (429, "rate_limited")
    headers = dict(caught.value.headers)
    assert headers[b"x-ratelimit-limit"] == b"0.5"
    assert headers[b"x-ratelimit-remaining"] == b"0"
    assert int(headers[b"x-ratelimit-reset"]) >= datetime.now(UTC).timestamp()
    assert headers[b"retry-after"] == b"2"


def test_several_collectors_together_let_through_what_one_would() -> None:
    clock = Clock()
    four = [RateLimits(clock, collectors=4) for _ in range(4)]
    sent = 0
    for _ in range(200):
        for limits in four:
            if wait_of(limits, key(10)) == 0:
                limits.spend(key(10), 1)
                sent += 1
        clock.now += 0.1
    assert 10 * 20 <= sent <= 10 * 20 + 10 * BURST_SECONDS + 4
    four[0].spend(key(10), 10)
    with pytest.raises(Problem, match=r"10 events a second \(2\.5 here\)") as caught:
        four[0].check(key(10))
    assert dict(caught.value.headers)[b"x-ratelimit-limit"] == b"2.5"


@given(
    st.floats(0.1, 1_000),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 2_500)), min_size=1, max_size=60),
)
def test_over_any_time_the_rate_holds(rate: float, attempts: list[tuple[float, int]]) -> None:
    clock, largest, sent = Clock(), max(events for _, events in attempts), 0
    limits = RateLimits(clock)
    for pause, events in attempts:
        clock.now += pause
        if wait_of(limits, key(rate)) == 0:
            limits.spend(key(rate), events)
            sent += events
    assert sent <= max(1.0, rate * BURST_SECONDS) + (clock.now - 1_000) * rate + largest + 1e-6
    clock.now += wait_of(limits, key(rate))
    assert wait_of(limits, key(rate)) <= 1  # whoever waits as told may send, but for rounding
