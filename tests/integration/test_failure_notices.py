"""The sensor that tells people: what it makes of runs in Dagster and of what readers are told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from almanac.settings import Settings
from almanac.state import incidents, open_state
from orchestration.failure_notices import build_failure_notices
from orchestration.jobs import daily, increment
from orchestration.resources import Almanac
from orchestration.upkeep import lake_upkeep
from tests.dagster_runs import ended
from tests.serving.published import note, publish

WARNING = "check relationships_fact_bookings_listing_id of fact_bookings"  # of the version of the tests


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings.for_home(tmp_path)
    publish(settings)
    note(settings, succeeded=True, attempted_at=datetime.now(UTC))
    return settings


@pytest.fixture
def look(settings: Settings, instance: dg.DagsterInstance) -> Callable[[], str]:
    def once() -> str:
        sensor: Any = build_failure_notices(is_production=True)
        context = dg.build_sensor_context(instance=instance, resources={"almanac": Almanac(settings)})
        return str(sensor(context).skip_message)

    return once


def known(settings: Settings) -> dict[str, tuple[str, bool]]:
    """Cause and whether it is open, by subject; without the warning that the version always has."""
    state = open_state(settings)
    try:
        found = {i.problem.subject: (i.problem.cause, i.closed_at is None) for i in incidents(state)}
    finally:
        state.close()
    assert found.pop(WARNING)[1]
    return found


def test_without_anything_wrong_only_the_warning_is_told(settings: Settings, look: Callable[[], str]) -> None:
    assert look().startswith("1 incidents opened, 0 closed")
    assert look().startswith("0 incidents opened, 0 closed")
    assert known(settings) == {}


def test_a_build_that_was_killed_is_told_by_its_run_and_over_with_the_next(
    settings: Settings, instance: dg.DagsterInstance, look: Callable[[], str]
) -> None:
    ended(instance, daily.name, failed=True)
    look()
    cause, is_open = known(settings)["publication"]
    assert is_open
    assert "the process is gone" in cause
    ended(instance, increment.name, failed=False)
    look()
    assert not known(settings)["publication"][1]


def test_a_failure_that_readers_are_told_is_one_incident_with_its_run(
    settings: Settings, instance: dg.DagsterInstance, look: Callable[[], str]
) -> None:
    note(settings, succeeded=False, attempted_at=datetime.now(UTC), failed=("rows_are_usual",))
    ended(instance, daily.name, failed=True)
    assert look().startswith("2 incidents opened")
    assert known(settings)["publication"] == ("1 failed checks: rows_are_usual", True)
    # By hand, outside of Dagster: the failed run stays the newest there.
    note(settings, succeeded=True, attempted_at=datetime.now(UTC) + timedelta(seconds=5))
    look()
    assert known(settings)["publication"][1] is False


def test_the_upkeep_of_the_lake_is_an_incident_of_its_own(
    settings: Settings, instance: dg.DagsterInstance, look: Callable[[], str]
) -> None:
    ended(instance, lake_upkeep.name, failed=True, said="a file is damaged")
    ended(instance, daily.name, failed=False)
    look()
    assert set(known(settings)) == {"job lake_upkeep"}
    assert "a file is damaged" in known(settings)["job lake_upkeep"][0]


def test_a_channel_that_is_not_there_does_not_fail_the_sensor(settings: Settings, instance: dg.DagsterInstance) -> None:
    alone = replace(settings, slack_webhook="http://127.0.0.1:9/services/x")
    sensor: Any = build_failure_notices(is_production=True)
    context = dg.build_sensor_context(instance=instance, resources={"almanac": Almanac(alone)})
    assert "Slack was not reached" in str(sensor(context).skip_message)


def test_a_wrong_setting_fails_neither_the_sensor_nor_the_other_channel(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    wrong = replace(settings, slack_webhook="http://127.0.0.1:9/services/x", smtp_url="mail.internal:587")
    sensor: Any = build_failure_notices(is_production=True)
    context = dg.build_sensor_context(instance=instance, resources={"almanac": Almanac(wrong)})
    said = str(sensor(context).skip_message)
    assert "Slack was not reached" in said
    assert "mail: ALMANAC_SMTP_URL must be smtp://user:password@host:port" in said


def test_late_numbers_are_another_incident_than_numbers_that_are_not_published(
    settings: Settings, instance: dg.DagsterInstance, look: Callable[[], str]
) -> None:
    now = datetime.now(UTC)
    note(settings, succeeded=True, attempted_at=now - timedelta(days=3))
    look()
    assert {subject for subject, (_, is_open) in known(settings).items() if is_open} == {"late data"}
    note(settings, succeeded=False, attempted_at=now, failed=("rows_are_usual",))
    assert look().startswith("1 incidents opened, 1 closed")
    assert {subject for subject, (_, is_open) in known(settings).items() if is_open} == {"publication"}


@pytest.mark.parametrize(("is_production", "status"), [(True, "RUNNING"), (False, "STOPPED")])
def test_it_looks_by_itself_in_production_alone(is_production: bool, status: str) -> None:
    assert build_failure_notices(is_production).default_status.value == status
