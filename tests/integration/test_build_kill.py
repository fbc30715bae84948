"""A build is killed in the middle: the old version is served throughout, the next run ends as an undisturbed one."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import SpawnedDbt, WarmDbt
from almanac.publish import publish
from almanac.settings import ROOT, Settings
from almanac.versions import current, hold
from tests.replay.warehouse import differences
from tests.small_lake import FIRST_DAY, PASSED, land_day, land_days

pytestmark = pytest.mark.xdist_group("build_kill")


class Reader(threading.Thread):
    """Reads the current version over and over, as the portal does, and keeps what it saw."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self.settings, self.seen, self.errors, self.reads = settings, set[str](), list[Exception](), 0
        self._ends = threading.Event()

    def run(self) -> None:
        """Read until told to end."""
        while not self._ends.is_set():
            try:
                version = current(self.settings)
                assert version is not None
                with hold(version), duckdb.connect(str(version.path), read_only=True) as con:
                    row = con.execute(
                        "select min(publication_id), count(*) from publication, kpi_values where value is not null"
                    ).fetchone()
                assert row is not None
                assert row[0] == version.id
                self.seen.add(version.id)
                self.reads += 1
            except Exception as e:
                self.errors.append(e)
                return

    def end(self) -> None:
        """Stop reading and raise what went wrong."""
        self._ends.set()
        self.join(timeout=30)
        if self.errors:
            raise self.errors[0]


@pytest.fixture
def published(tmp_path: Path) -> tuple[Settings, str]:
    """A published version and a lake that has moved on."""
    settings = Settings.for_home(tmp_path / "home")
    land_days(settings, 2)
    assert run_build(settings, runner=WarmDbt()).succeeded
    version = publish(settings, PASSED).version.id
    land_day(settings, FIRST_DAY + timedelta(days=2))
    land_day(settings, FIRST_DAY, tag="late")
    return settings, version


@pytest.mark.parametrize("after", ["int_events__keys", "fact_sessions", "kpi_values"])
def test_a_build_killed_after_a_model_is_finished_by_the_next_run(
    published: tuple[Settings, str], tmp_path: Path, after: str
) -> None:
    """`kill -9` of the building process; its dbt worker dies with it and leaves no lock."""
    settings, old = published
    undisturbed = Settings.for_home(tmp_path / "undisturbed")
    shutil.copytree(settings.home, undisturbed.home)
    reader = Reader(settings)
    reader.start()
    command = [sys.executable, "-m", "tests.integration.builder", str(settings.home)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout
        for line in builder.stdout:
            if line.strip() == after:
                os.kill(builder.pid, signal.SIGKILL)
                break
        else:
            pytest.fail(f"the build never finished {after}")
    assert builder.returncode == -signal.SIGKILL
    dbt = SpawnedDbt()
    assert run_build(settings, runner=dbt).succeeded
    assert reader.seen == {old}
    new = publish(settings, PASSED).version.id
    reader.end()
    assert reader.reads > 0
    assert run_build(undisturbed, runner=dbt).succeeded
    assert differences(settings.warehouse, undisturbed.warehouse) == {}
    assert publish(undisturbed, PASSED).version.id == new
