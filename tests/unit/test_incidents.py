"""Incidents: one message to each channel when one opens and one when it closes, whatever the channels do."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from sqlalchemy import delete

from alerts.delivery import DeliveryError
from alerts.notices import Notice
from alerts.notify import Looked, look
from almanac.settings import Settings
from almanac.state import MOST_ATTEMPTS, Problem, StateDB, claim, incidents, open_state, track, undelivered
from almanac.state.incidents import pause
from almanac.state.models import IncidentRow, NoticeRow

START = datetime(2026, 11, 26, 10, tzinfo=UTC)
LONG = timedelta(hours=2)  # longer than any pause


class Ear:
    """A channel that keeps what it hears, or refuses."""

    def __init__(self) -> None:
        self.heard: list[Notice] = []
        self.refuses = False
        self.wait: timedelta | None = None

    def send(self, notice: Notice) -> None:
        if self.refuses:
            raise DeliveryError("nobody is there", self.wait)
        self.heard.append(notice)

    @property
    def titles(self) -> list[str]:
        return [notice.title for notice in self.heard]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDB]:
    state = open_state(Settings.for_home(tmp_path))
    yield state
    state.close()


@pytest.fixture
def ear() -> Ear:
    return Ear()


def problem(subject: str = "publication", cause: str = "2 failed checks") -> Problem:
    return Problem(subject, f"{subject} is wrong", cause, "version 1", "pipeline-failure.md")


def seen(state: StateDB, ear: Ear, at: timedelta, *problems: Problem) -> Looked:
    return look(state, problems, {"ear": ear}, START + at)


class TestOneMessage:
    def test_an_incident_is_told_once_while_it_lasts_and_once_when_it_is_over(self, state: StateDB, ear: Ear) -> None:
        for minute in range(5):
            seen(state, ear, timedelta(minutes=minute), problem())
        assert ear.titles == ["publication is wrong"]
        for minute in range(5, 8):
            seen(state, ear, timedelta(minutes=minute))
        assert ear.titles == ["publication is wrong", "Over: publication is wrong"]
        assert dict(ear.heard[1].facts)["It lasted"] == "5 min"

    def test_one_that_comes_back_is_another(self, state: StateDB, ear: Ear) -> None:
        for problems in ([problem()], [], [problem()]):
            seen(state, ear, timedelta(0), *problems)
        assert len(ear.heard) == 3
        assert [i.closed_at is None for i in incidents(state)] == [True, False]

    def test_an_open_one_says_what_is_wrong_by_now_without_another_message(self, state: StateDB, ear: Ear) -> None:
        seen(state, ear, timedelta(0), problem(cause="one"))
        seen(state, ear, timedelta(minutes=1), problem(cause="another"))
        assert [i.problem.cause for i in incidents(state)] == ["another"]
        assert len(ear.heard) == 1

    def test_each_channel_has_its_own(self, state: StateDB) -> None:
        slack, mail = Ear(), Ear()
        mail.refuses = True
        look(state, [problem()], {"slack": slack, "mail": mail}, START)
        mail.refuses = False
        look(state, [problem()], {"slack": slack, "mail": mail}, START + LONG)
        assert (len(slack.heard), len(mail.heard)) == (1, 1)

    def test_without_a_channel_it_is_written_down(self, state: StateDB) -> None:
        looked = look(state, [problem()], {}, START)
        assert [i.problem.subject for i in looked.opened] == ["publication"]
        assert undelivered(state) == []

    def test_a_cause_of_any_length_fits(self, state: StateDB, ear: Ear) -> None:
        long = problem("s" * 9000, "ö" * 9000)
        for minute in range(2):
            seen(state, ear, timedelta(minutes=minute), long)
        assert len(ear.heard) == 1


class TestChannelsThatFail:
    def test_a_message_is_tried_again_after_growing_pauses_and_then_given_up(self, state: StateDB, ear: Ear) -> None:
        ear.refuses = True
        tries = [
            minute
            for minute in range(60 * 5)
            if seen(state, ear, timedelta(minutes=minute), problem()).errors
        ]  # fmt: skip
        pauses = [later - earlier for earlier, later in pairwise(tries)]
        assert len(tries) == MOST_ATTEMPTS
        assert pauses == sorted(pauses)
        assert pauses[0] <= 2 < 60 <= pauses[-1]
        [missing] = undelivered(state)
        assert missing.is_given_up
        assert missing.error == "nobody is there"

    def test_the_channel_may_ask_for_a_longer_pause(self, state: StateDB, ear: Ear) -> None:
        ear.refuses, ear.wait = True, timedelta(minutes=30)
        seen(state, ear, timedelta(0), problem())
        ear.refuses = False
        seen(state, ear, timedelta(minutes=29), problem())
        assert ear.heard == []
        seen(state, ear, timedelta(minutes=30), problem())
        assert len(ear.heard) == 1

    def test_what_was_over_before_it_could_be_told_is_not_told(self, state: StateDB, ear: Ear) -> None:
        ear.refuses = True
        seen(state, ear, timedelta(0), problem())
        ear.refuses = False
        seen(state, ear, LONG)
        seen(state, ear, 2 * LONG)
        assert ear.heard == []
        assert [m.is_given_up for m in undelivered(state)] == [True]

    def test_a_channel_that_was_taken_away_is_not_asked(self, state: StateDB, ear: Ear) -> None:
        ear.refuses = True
        seen(state, ear, timedelta(0), problem())
        assert look(state, [problem()], {}, START + LONG).errors == []

    def test_two_looks_at_once_send_it_once(self, state: StateDB) -> None:
        track(state, [problem()], ["ear"], START)
        first, second = claim(state, ["ear"], START), claim(state, ["ear"], START)
        assert first is not None
        assert second is None

    def test_what_a_killed_sender_had_claimed_is_sent_later(self, state: StateDB, ear: Ear) -> None:
        track(state, [problem()], ["ear"], START)
        claim(state, ["ear"], START)  # and never heard of again
        seen(state, ear, LONG, problem())
        assert len(ear.heard) == 1

    def test_pauses_double_up_to_an_hour_and_are_spread(self) -> None:
        least = [pause(n, lambda: 0.0) for n in range(1, MOST_ATTEMPTS + 1)]
        assert [p // timedelta(minutes=1) for p in least] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert pause(3, lambda: 1.0) == timedelta(minutes=5)


@given(
    steps=strategies.lists(
        strategies.tuples(strategies.sets(strategies.sampled_from("abc")), strategies.booleans()), max_size=12
    )
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_nothing_is_told_twice(state: StateDB, steps: list[tuple[set[str], bool]]) -> None:
    """Random sequences of what is wrong, with a channel that refuses now and then."""
    with state.write() as session:
        session.execute(delete(NoticeRow))
        session.execute(delete(IncidentRow))
    ear = Ear()
    spans: Counter[str] = Counter()
    before: set[str] = set()
    for n, (wrong, ear.refuses) in enumerate(steps):
        seen(state, ear, n * LONG, *(problem(s) for s in sorted(wrong)))
        spans.update(wrong - before)
        before = wrong
    ear.refuses = False
    seen(state, ear, (len(steps) + 1) * LONG, *(problem(s) for s in before))
    told = Counter(ear.titles)
    for subject in "abc":
        opened, closed = told[f"{subject} is wrong"], told[f"Over: {subject} is wrong"]
        assert opened <= spans[subject]
        assert closed in (opened, opened - 1)
        assert (subject in before) <= (opened > 0)
    if not any(refused for _, refused in steps):
        assert all(told[f"{subject} is wrong"] == spans[subject] for subject in "abc")
