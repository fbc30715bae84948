"""A build is killed in the middle: the old version is served throughout, the next run ends as an undisturbed one."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from almanac.build import run_build
from almanac.compare import compare
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from almanac.settings import ROOT, Settings
from almanac.spawned_dbt import SpawnedDbt
from almanac.versions import current, hold
from tests.small_home import publish_and_move_on
from tests.small_lake import PASSED
from tests.small_project import small_settings

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
                self._ends.wait(0.05)  # the build needs the processor too
            except Exception as e:
                self.errors.append(e)
                return

    def end(self) -> None:
        """Stop reading and raise what went wrong."""
        self._ends.set()
        self.join(timeout=30)
        if self.errors:
            raise self.errors[0]


@dataclass(frozen=True)
class Undisturbed:
    """A home before the build that is killed, and what that build and its publication give when nobody kills them."""

    before: Settings
    old: str
    warehouse: Path
    new: str


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A published version and a lake that has moved on."""
    before = small_settings(tmp_path_factory.mktemp("before") / "home")
    dbt = WarmDbt(data_tests=False)
    old = publish_and_move_on(before, dbt)
    after = _copied(before, tmp_path_factory.mktemp("after") / "home")
    assert run_build(after, runner=dbt).succeeded
    return Undisturbed(before, old, after.warehouse, publish(after, PASSED).version.id)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param("int_events__keys", marks=pytest.mark.deep),
        "fact_sessions",
        pytest.param("kpi_values", marks=pytest.mark.deep),
    ],
)
def test_a_build_killed_after_a_model_is_finished_by_the_next_run(
    undisturbed: Undisturbed, tmp_path: Path, after: str
) -> None:
    """`kill -9` of the building process; its dbt worker dies with it and leaves no lock."""
    settings = _copied(undisturbed.before, tmp_path / "home")
    reader = Reader(settings)
    reader.start()
    command = [sys.executable, "-m", "tests.integration.builder", str(settings.home), str(settings.root)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout
        for line in builder.stdout:
            if line.strip() == after:
                os.kill(builder.pid, signal.SIGKILL)
                break
        else:
            pytest.fail(f"the build never finished {after}")
    assert builder.returncode == -signal.SIGKILL
    assert run_build(settings, runner=SpawnedDbt()).succeeded
    assert reader.seen == {undisturbed.old}
    new = publish(settings, PASSED).version.id
    reader.end()
    assert reader.reads > 0
    assert compare(settings.warehouse, undisturbed.warehouse).differing == {}
    assert new == undisturbed.new


def _copied(settings: Settings, home: Path) -> Settings:
    shutil.copytree(settings.home, home)
    return small_settings(home)
