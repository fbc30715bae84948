"""What else can go wrong in a run: readers notice nothing, it is said, and the next run makes up for it."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from almanac.dbt_worker import DbtRun, Event, OnEvent
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.spawned_dbt import SpawnedDbt
from almanac.versions import current, read_status
from ingestion.lake import Lake
from orchestration.daily import run_daily
from tests.disks import fill, small_disk
from tests.integration.run_story import DAYS, Story, copied, nothing_is_noticed
from tests.small_lake import FIRST_DAY

DISK_MEGABYTES = 512
MODELS_BEFORE = 20  # are made before the disk is full

pytestmark = [pytest.mark.deep, pytest.mark.xdist_group("run_kill")]


@dataclass
class FillingDbt(SpawnedDbt):
    """dbt under which the disk of a folder fills up while it builds."""

    folder: Path
    filler: Path | None = None
    seen: list[Event] = field(default_factory=list)

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build; after some models the disk takes no further byte."""

        def look(event: Event) -> None:
            self.seen.append(event)
            if self.filler is None and len(self.seen) == MODELS_BEFORE:
                self.filler = fill(self.folder)
            if on_event:
                on_event(event)

        return super().build(settings, full_refresh=full_refresh, on_event=look)


def test_a_disk_that_fills_up_while_models_are_built(story: Story, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", DISK_MEGABYTES) as disk:
        settings = copied(story.before, disk / "home")
        old = current(settings)
        with nothing_is_noticed(settings, story):
            dbt = FillingDbt(disk)
            with pytest.raises(AlmanacError, match=r"(?i)space|full|not be written|cannot be used"):
                run_daily(settings, dbt)
            assert dbt.filler is not None, "the disk was not filled in the middle of the build"
            assert current(settings) == old
            dbt.filler.unlink()


def test_a_parquet_file_in_which_a_bit_is_wrong(story: Story, tmp_path: Path) -> None:
    settings = copied(story.before, tmp_path / "home")
    day = f"received_date={FIRST_DAY.replace(day=FIRST_DAY.day + DAYS)}"
    [entry] = [e for e in Lake.open(settings).entries("events") if day in e.path]
    path = settings.lake / entry.path
    whole = path.read_bytes()
    old = current(settings)
    with nothing_is_noticed(settings, story):
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        with pytest.raises(AlmanacError, match=path.name):
            run_daily(settings)
        assert current(settings) == old
        assert path.name in read_status(settings).reason
        path.write_bytes(whole)  # as a backup brings it back
