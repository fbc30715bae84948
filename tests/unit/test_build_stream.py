"""Events of a build are handed on while it runs."""

from threading import Event as Signal
from typing import Any

import pytest

from almanac.build import BuildResult
from almanac.dbt_worker import OnEvent
from almanac.errors import AlmanacError
from orchestration.build_stream import BuildStream

DONE = BuildResult(run_id="one", built=True, full_refresh=False, pending=0)


def event(number: int) -> dict[str, Any]:
    return {"number": number}


def test_each_event_is_seen_before_the_build_goes_on() -> None:
    seen = Signal()

    def build(say: OnEvent) -> BuildResult:
        for number in range(3):
            say(event(number))
            assert seen.wait(20), "the event was not handed on while the build ran"
            seen.clear()
        return DONE

    stream = BuildStream(build)
    order = []
    for one in stream:
        order.append(one["number"])
        seen.set()
    assert order == [0, 1, 2]
    assert stream.result is DONE


def test_what_the_build_raises_is_raised_after_its_events() -> None:
    def build(say: OnEvent) -> BuildResult:
        say(event(1))
        raise AlmanacError("the lake is damaged")

    stream = iter(BuildStream(build))
    assert next(stream) == event(1)
    with pytest.raises(AlmanacError, match="the lake is damaged"):
        next(stream)


def test_the_result_cannot_be_asked_for_before_the_end() -> None:
    with pytest.raises(RuntimeError, match="has not ended"):
        _ = BuildStream(lambda say: DONE).result
