"""What counts as wrong, from what readers see and from how the last attempt ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.problems import PROMISE, is_over, problems_now
from almanac.settings import Settings
from almanac.state import Incident, Problem, Shown, open_state, remember_shown
from tests.serving.published import note, publish
from tests.small_lake import land_day

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = NOW.replace(tzinfo=None)  # of the last attempt
WARNING = "check relationships_fact_bookings_listing_id of fact_bookings"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings.for_home(tmp_path)
    publish(settings)
    return settings


def subjects(settings: Settings, now: datetime = NOW) -> list[str]:
    return [problem.subject for problem in problems_now(settings, now)]


def test_a_new_installation_has_none(tmp_path: Path) -> None:
    assert problems_now(Settings.for_home(tmp_path), NOW) == []


def test_a_check_that_warns_is_one_although_it_blocks_nothing(settings: Settings) -> None:
    [problem] = problems_now(settings, NOW)
    assert problem.subject == WARNING
    assert problem.cause == "2 bookings name a listing that never was viewed"
    assert "data up to 2026-11-21 09:12 UTC" in problem.readers_see


def test_an_attempt_that_failed_names_its_checks_and_what_readers_see(settings: Settings) -> None:
    note(settings, succeeded=False, attempted_at=AT, failed=tuple(f"check_{n:02}" for n in range(12)))
    problem = problems_now(settings, NOW)[0]
    assert problem.subject == "publication"
    assert "check_00, check_01" in problem.cause
    assert problem.cause.endswith("and 2 more")
    assert "version 20261121T091500-a1b2c3" in problem.readers_see


def test_one_that_fails_before_anything_was_published_says_that_there_are_no_numbers(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    settings.versions.mkdir(parents=True)
    note(settings, succeeded=False, attempted_at=AT, failed=("a",))
    assert "no numbers" in problems_now(settings, NOW)[0].readers_see


@pytest.mark.parametrize(("hours", "late"), [(25, False), (27, True)])
def test_numbers_are_late_when_no_run_ended_well_for_a_day_and_two_hours(
    settings: Settings, hours: int, late: bool
) -> None:
    note(settings, succeeded=True, attempted_at=AT)
    assert ("late data" in subjects(settings, NOW + timedelta(hours=hours))) is late


def test_a_promise_whose_budget_burns_is_one_until_what_waited_is_published(settings: Settings) -> None:
    state = open_state(settings)
    day = datetime(2026, 11, 20, tzinfo=UTC)
    remember_shown(state, Shown("first", day, day, None))
    land_day(settings, day.date())  # arrives on this day, and waits
    found = [one for one in problems_now(settings, NOW) if one.subject.startswith(PROMISE)]
    assert [one.subject for one in found] == ["promise fresh_numbers"]
    assert "waits longer than 120 minutes" in found[0].cause
    assert found[0].runbook == "late-data.md"
    assert is_over(settings, Incident("i", found[0], NOW, None))

    newest = day + timedelta(days=1)
    remember_shown(state, Shown("second", newest, newest, day + timedelta(hours=23)))
    state.close()
    assert not any(subject.startswith(PROMISE) for subject in subjects(settings))


def test_how_long_is_a_setting(settings: Settings) -> None:
    note(settings, succeeded=True, attempted_at=AT)
    hourly = replace(settings, late_after=timedelta(hours=2))
    assert "late data" in subjects(hourly, NOW + timedelta(hours=3))


def test_failed_and_late_are_one(settings: Settings) -> None:
    note(settings, succeeded=False, attempted_at=AT, failed=("a",))
    assert subjects(settings, NOW + timedelta(days=9)) == ["publication", WARNING]


@pytest.mark.parametrize(
    ("subject", "succeeded", "later", "over"),
    [
        ("publication", True, timedelta(minutes=1), True),
        ("publication", True, -timedelta(minutes=1), False),  # a killed run, of which readers are told nothing
        ("publication", False, timedelta(minutes=1), False),
        ("late data", False, timedelta(minutes=1), True),  # it was tried again: that it failed is another incident
        ("job lake_upkeep", True, timedelta(minutes=1), False),  # Dagster knows
        (WARNING, True, timedelta(minutes=1), True),
    ],
)
def test_who_sees_no_runs_closes_only_what_readers_are_told(
    settings: Settings, subject: str, succeeded: bool, later: timedelta, over: bool
) -> None:
    note(settings, succeeded=succeeded, attempted_at=AT + later)
    incident = Incident("a", Problem(subject, "t", "c", "s", "pipeline-failure.md"), NOW, None)
    assert is_over(settings, incident) is over
