"""When jobs run by themselves, as `schedules.yml` says."""

import re
from collections.abc import Iterable
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError

from almanac.errors import AlmanacError
from almanac.yaml_files import read_yaml
from orchestration.jobs import JOBS

FILE = Path(__file__).with_name("schedules.yml")
TENANTS = "tenants"  # instead of a time zone: once in each that a tenant lives in


class Schedule(BaseModel):
    """One schedule: which job runs when. `cron` has five fields, read in `time_zone` (an IANA name, or `tenants`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    job: str
    cron: str
    time_zone: str
    description: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schedules: tuple[Schedule, ...]


def load_schedules(path: Path = FILE) -> tuple[Schedule, ...]:
    """The schedules of the file. Raises AlmanacError naming file and field of the first mistake."""
    file = read_yaml(path, f"orchestration/{path.name}")
    try:
        return _File.model_validate(file.content).schedules
    except ValidationError as error:
        raise AlmanacError(file.problems(error, _File)[0]) from error


def build_schedules(zones: Iterable[str], *, is_production: bool, path: Path = FILE) -> list[dg.ScheduleDefinition]:
    """The schedules for Dagster; running by themselves only in production. `zones` are the tenants' time zones.

    Raises AlmanacError naming file and schedule if one names no job, or a time that is none.
    """
    names = sorted(job.name for job in JOBS)
    status = dg.DefaultScheduleStatus.RUNNING if is_production else dg.DefaultScheduleStatus.STOPPED
    made = []
    ordered = sorted(set(zones))
    for one in [each for declared in load_schedules(path) for each in _in_zones(declared, ordered)]:
        where = f"orchestration/{path.name}: {one.name}"
        if one.job not in names:
            raise AlmanacError(f"{where}: there is no job {one.job!r}; known are {', '.join(names)}")
        try:
            schedule = dg.ScheduleDefinition(
                name=one.name,
                job_name=one.job,
                cron_schedule=one.cron,
                execution_timezone=one.time_zone,
                default_status=status,
                description=one.description,
            )
        except dg.DagsterInvalidDefinitionError as error:
            raise AlmanacError(f"{where}: {' '.join(str(error).split())}") from error
        made.append(schedule)
    return made


def _in_zones(one: Schedule, zones: list[str]) -> list[Schedule]:
    """The schedule itself, or one in each zone, with a name of its own."""
    if one.time_zone != TENANTS:
        return [one]
    slugs = {zone: re.sub(r"\W+", "_", zone.lower()) for zone in zones}
    return [
        one.model_copy(
            update={
                "name": f"{one.name}_{slugs[zone]}",
                "time_zone": zone,
                "description": f"{one.description} Time zone: {zone}.",
            }
        )
        for zone in zones
    ]
