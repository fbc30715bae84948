"""An installation before and after a run that nobody disturbs: what every disturbed one must end as."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from almanac.compare import compare
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from almanac.versions import Version, current, read_status
from orchestration.daily import run_daily
from tests.integration.test_reads_while_building import Reader
from tests.serving.running import running_portal
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


@contextmanager
def nothing_is_noticed(settings: Settings, story: Story) -> Iterator[Version]:
    """Readers read the whole time; after the next run everything is as if nobody had disturbed the one before.

    Gives the version that they see at first.
    """
    old = current(settings)
    assert old is not None
    with running_portal(settings.home) as address:
        reader = Reader(address)
        reader.start()
        try:
            yield old
            newest = run_daily(settings)
        finally:
            reader.finish()
    assert reader.errors == []
    assert {version for version, _ in reader.seen} <= {old.id, newest}
    assert read_status(settings).succeeded
    assert compare(settings.warehouse, story.after.warehouse).differing == {}
    assert values(settings) == values(story.after)
