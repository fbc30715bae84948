"""Schedules are data: read with named mistakes, running by themselves in production only."""

from pathlib import Path

import dagster as dg
import pytest

from almanac.errors import AlmanacError
from orchestration.schedules import build_schedules, load_schedules

GOOD = {"name": "hourly", "job": "daily", "cron": "5 * * * *", "time_zone": "Europe/Berlin", "description": "d"}


def written(folder: Path, **changes: str) -> Path:
    path = folder / "schedules.yml"
    lines = [f"    {name}: '{value}'" for name, value in (GOOD | changes).items()]
    path.write_text("schedules:\n  -\n" + "\n".join(lines) + "\n")
    return path


def test_they_run_by_themselves_in_production_only() -> None:
    for is_production, status in ((True, dg.DefaultScheduleStatus.RUNNING), (False, dg.DefaultScheduleStatus.STOPPED)):
        made = build_schedules(is_production=is_production)
        assert {schedule.default_status for schedule in made} == {status}
        assert {schedule.name: schedule.job_name for schedule in made}["every_night"] == "daily"
    assert [one.name for one in load_schedules()] == [schedule.name for schedule in made]


def test_one_of_your_own_is_a_few_lines(tmp_path: Path) -> None:
    (made,) = build_schedules(is_production=True, path=written(tmp_path))
    assert (made.cron_schedule, made.execution_timezone) == ("5 * * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"job": "dayly"}, "orchestration/schedules.yml: hourly: there is no job 'dayly'; known are backfill, daily"),
        ({"cron": "every hour"}, "orchestration/schedules.yml: hourly: .*every hour"),
        ({"time_zone": "Mars/Base"}, "orchestration/schedules.yml: hourly: .*Mars/Base"),
        ({"crom": "1"}, r"orchestration/schedules.yml:\d+:\d+: schedules.0.crom: unknown field.*cron"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(AlmanacError, match=said):
        build_schedules(is_production=True, path=written(tmp_path, **changes))
