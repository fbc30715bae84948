"""An installation before and after a run that nobody disturbs: what every disturbed one must end as."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from almanac.versions import current
from orchestration.run_daily import run_daily
from tests.small_lake import FIRST_DAY, land_day

DAYS = 3
LIMIT = 240  # seconds that a busy machine may take for anything


@dataclass(frozen=True)
class Story:
    """An installation before its last run, and what that run makes of it when nobody disturbs it."""

    before: Settings
    after: Settings


def make_story(folder: Path) -> Story:
    """Three days built and published, a fourth landed; and what a run makes of it."""
    before = Settings.for_home(folder / "before")
    dbt = WarmDbt()
    for day in range(DAYS):
        land_day(before, FIRST_DAY + timedelta(days=day))
    run_daily(before, dbt)
    land_day(before, FIRST_DAY + timedelta(days=DAYS))
    after = copied(before, folder / "after")
    run_daily(after, dbt)
    return Story(before, after)


def copied(settings: Settings, home: Path) -> Settings:
    """The installation in another folder; Dagster's file names folders, so it is written anew there."""
    shutil.copytree(settings.home, home, ignore=shutil.ignore_patterns("dagster"))
    return Settings.for_home(home)


def values(settings: Settings) -> list[tuple[object, ...]]:
    """Every number that readers see."""
    version = current(settings)
    assert version
    with duckdb.connect(str(version.path), read_only=True) as con:
        return con.execute("select * from kpi_values order by all").fetchall()
