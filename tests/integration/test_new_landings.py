"""When the sensor asks for a build: something landed, or a build failed and the pause after it is over."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import orchestration.sensors as sensors
from almanac.settings import Settings
from orchestration.jobs import daily, increment
from orchestration.resources import Almanac
from tests.dagster_runs import ended
from tests.small_lake import FIRST_DAY, land_day

MINUTE = timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings.for_home(tmp_path)
    land_day(settings, FIRST_DAY)
    return settings


@pytest.fixture
def asked(settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Looks so long after now; says whether a build was asked for, and remembers what the sensor remembers."""
    cursor: list[str | None] = [None]

    def look(later: timedelta = timedelta(0)) -> bool:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + later

        monkeypatch.setattr(sensors, "datetime", Clock)
        sensor: Any = sensors.build_new_landings(is_production=True)
        context = dg.build_sensor_context(instance=instance, cursor=cursor[0], resources={"almanac": Almanac(settings)})
        found = sensor(context)
        cursor[0] = context.cursor
        return isinstance(found, dg.RunRequest)

    return look


def test_what_has_landed_is_built_once(settings: Settings, asked: Callable[..., bool]) -> None:
    assert asked()
    assert not asked(60 * MINUTE)
    land_day(settings, FIRST_DAY + timedelta(days=1))
    assert asked()


def test_a_build_that_failed_is_tried_again_after_longer_and_longer_pauses(
    instance: dg.DagsterInstance, asked: Callable[..., bool]
) -> None:
    assert asked()
    for minutes in (5, 10, 20, 40, 60, 60):
        ended(instance, increment.name, failed=True)
        assert not asked((minutes - 1) * MINUTE)
        assert asked((minutes + 1) * MINUTE)


@pytest.mark.parametrize("job", [daily.name, increment.name])
def test_a_build_that_went_well_ends_that(instance: dg.DagsterInstance, asked: Callable[..., bool], job: str) -> None:
    assert asked()
    ended(instance, increment.name, failed=True)
    ended(instance, job, failed=False)
    assert not asked(120 * MINUTE)


def test_something_new_is_built_without_a_pause(
    settings: Settings, instance: dg.DagsterInstance, asked: Callable[..., bool]
) -> None:
    assert asked()
    ended(instance, increment.name, failed=True)
    land_day(settings, FIRST_DAY + timedelta(days=1))
    assert asked()
