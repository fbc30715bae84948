"""Schedules are data: read with named mistakes, running by themselves in production only."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from almanac.errors import AlmanacError
from orchestration.schedules import build_schedules, load_schedules

ZONES = ["Asia/Kolkata", "Europe/Berlin", "Europe/Berlin"]
GOOD = {"name": "hourly", "job": "daily", "cron": "5 * * * *", "time_zone": "Europe/Berlin", "description": "d"}


def written(folder: Path, **changes: str) -> Path:
    path = folder / "schedules.yml"
    lines = [f"    {name}: '{value}'" for name, value in (GOOD | changes).items()]
    path.write_text("schedules:\n  -\n" + "\n".join(lines) + "\n")
    return path


def test_they_run_by_themselves_in_production_only() -> None:
    for is_production, status in ((True, dg.DefaultScheduleStatus.RUNNING), (False, dg.DefaultScheduleStatus.STOPPED)):
        made = build_schedules(ZONES, is_production=is_production)
        assert {schedule.default_status for schedule in made} == {status}
        assert {schedule.name: schedule.job_name for schedule in made}["every_night_asia_kolkata"] == "daily"
    declared = [one.name for one in load_schedules()]
    nights = ["every_night_asia_kolkata", "every_night_europe_berlin"]
    assert [schedule.name for schedule in made] == [
        n for d in declared for n in (nights if d == "every_night" else [d])
    ]


def test_one_of_your_own_is_a_few_lines(tmp_path: Path) -> None:
    (made,) = build_schedules(ZONES, is_production=True, path=written(tmp_path))
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
        build_schedules(ZONES, is_production=True, path=written(tmp_path, **changes))


def ticks(schedule: dg.ScheduleDefinition, start: datetime, hours: int) -> list[datetime]:
    """When it runs within so many hours (UTC)."""
    times = schedule_execution_time_iterator(
        start.timestamp(), str(schedule.cron_schedule), schedule.execution_timezone, ascending=True
    )
    until = start + timedelta(hours=hours)
    return [at.astimezone(UTC) for at in takewhile(lambda at: at < until, times)]


@pytest.mark.parametrize(
    ("start", "local"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), ["03-29 03:00", "03-30 02:30", "03-31 02:30"]),  # 02:30 does not exist
        (datetime(2026, 10, 24, 12, tzinfo=UTC), ["10-25 02:30", "10-26 02:30", "10-27 02:30"]),  # 02:30 comes twice
    ],
    ids=["the clocks go forward", "the clocks go back"],
)
def test_one_in_local_time_runs_once_a_day_when_the_clocks_change(
    tmp_path: Path, start: datetime, local: list[str]
) -> None:
    (schedule,) = build_schedules(ZONES, is_production=True, path=written(tmp_path, cron="30 2 * * *"))
    found = [at.astimezone(ZoneInfo("Europe/Berlin")) for at in ticks(schedule, start, 72)]
    assert [f"{at:%m-%d %H:%M}" for at in found] == local


def test_ours_run_as_they_say_on_every_day_of_a_year() -> None:
    by_name = {schedule.name: schedule for schedule in build_schedules(ZONES, is_production=True)}
    start, hours = datetime(2026, 1, 1, tzinfo=UTC), 365 * 24
    assert len(ticks(by_name["every_hour"], start, hours)) == hours
    nights = ticks(by_name["every_night_europe_berlin"], start, hours)
    assert len(nights) == 365
    assert {(at.hour, at.minute) for at in nights} == {(0, 0), (23, 0)}  # 01:00 in winter and in summer
    nights = ticks(by_name["every_night_asia_kolkata"], start, hours)
    assert {(at.hour, at.minute) for at in nights} == {(19, 30)}
    assert {(at.hour, at.minute) for at in ticks(by_name["every_night_upkeep"], start, hours)} == {(2, 30)}


def test_a_quarter_is_looked_back_on_when_it_is_over() -> None:
    (schedule,) = [one for one in build_schedules(ZONES, is_production=True) if one.name == "every_quarter"]
    found = ticks(schedule, datetime(2026, 1, 1, 7, tzinfo=UTC), 365 * 24)
    assert [f"{at:%m-%d %H:%M}" for at in found] == ["04-01 06:00", "07-01 06:00", "10-01 06:00", "01-01 06:00"]


@pytest.mark.parametrize("schedule", build_schedules(ZONES, is_production=True), ids=lambda schedule: schedule.name)
def test_a_tick_asks_for_one_run_of_its_job(schedule: dg.ScheduleDefinition) -> None:
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 3, 29, 1, tzinfo=UTC))
    [request] = schedule.evaluate_tick(context).run_requests or []
    assert request.job_name in (None, schedule.job_name)
