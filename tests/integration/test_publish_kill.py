"""The publisher is killed at every write, fsync, rename, unlink, truncate: readers get the old or the new version."""

import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from almanac.settings import Settings
from almanac.versions import current, hold
from tests.small_home import publish_and_move_on
from tests.small_lake import PASSED
from tests.small_project import small_root, small_settings
from tests.traced_jobs import Point, Server

pytestmark = pytest.mark.xdist_group("publish_kill")  # what its tests share is made once


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str, str]:
    """A home with one published version and a built, not yet published change; with both versions' ids."""
    settings = small_settings(tmp_path_factory.mktemp("publish"))
    dbt = WarmDbt(data_tests=False, for_models=["kpi_values"])  # a few relations are as many kinds of points
    old = publish_and_move_on(settings, dbt)
    assert run_build(settings, runner=dbt).succeeded
    undisturbed = small_settings(settings.home.with_name("undisturbed"))
    shutil.copytree(settings.home, undisturbed.home)
    new = publish(undisturbed, PASSED).version.id
    assert old != new
    return settings, old, new


@pytest.fixture(scope="module")
def publisher() -> Iterator[Server]:
    """One process for all publications: it has imported what it needs."""
    own = Server("tests.integration.publisher")
    yield own
    own.close()


def test_a_publisher_killed_at_any_point_leaves_the_old_or_the_new_version(
    publisher: Server, prepared: tuple[Settings, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ordinary suite: every point that is not one of many equal page writes, and the first of these."""
    points = _points(publisher, prepared, tmp_path)
    few = [p for p in points if p[0] not in ("pwrite64", "write") or p[1] == 1]
    _kill_at(few, publisher, prepared, tmp_path)
    with capsys.disabled():
        sys.stdout.write(f"\npublisher: {len(points)} points below versions/, killed at {len(few)}\n")
    assert len(few) >= 15


@pytest.mark.deep
def test_a_publisher_killed_at_every_single_point(
    publisher: Server, prepared: tuple[Settings, str, str], tmp_path: Path
) -> None:
    """The deep suite: every point."""
    _kill_at(_points(publisher, prepared, tmp_path), publisher, prepared, tmp_path)


def _points(publisher: Server, prepared: tuple[Settings, str, str], tmp_path: Path) -> list[Point]:
    """Every call that an undisturbed publication makes below the versions folder."""
    home = _fresh(prepared[0], tmp_path / "count")
    return publisher.points(_job(home), tmp_path / "strace.log", _watched(home, prepared[2]))


def _kill_at(points: list[Point], publisher: Server, prepared: tuple[Settings, str, str], tmp_path: Path) -> None:
    settings, old, new = prepared
    assert points
    history, spared = _history(small_settings(settings.home.with_name("undisturbed"))), 0
    for call, n in points:
        home = _fresh(settings, tmp_path / f"{call}-{n}")
        own = small_settings(home)
        status = publisher.kill(_job(home), (call, n), _watched(home, new))
        # DuckDB does not write in equally many pieces each time: the last of many may not come.
        spared += status == 0
        assert status in (0, -signal.SIGKILL), f"{call} {n}: the publisher ended with {status}"
        assert _readable(own) in ((old, new) if status else (new,)), f"{call} {n}"
        assert publish(own, PASSED).version.id == new, f"{call} {n}: the next publication differs"
        assert _readable(own) == new
        assert _history(own) == history, f"{call} {n}"
        left = [f.name for f in own.versions.iterdir() if f.suffix in (".tmp", ".wal")]
        assert not left, f"{call} {n}: leftovers {left}"
        shutil.rmtree(home)
    assert spared <= len(points) // 10, f"{spared} of {len(points)} points were not reached"


def _fresh(settings: Settings, home: Path) -> Path:
    shutil.copytree(settings.home, home)
    return home


def _job(home: Path) -> str:
    return f"{home}\t{small_root()}"


def _watched(home: Path, version: str) -> list[str]:
    """What strace is told to see: only the files below the versions folder."""
    return [part for path in _written(home / "versions", version) for part in ("-P", str(path))]


def _written(versions: Path, version: str) -> list[Path]:
    """Every path that a publication writes, renames or removes below the versions folder."""
    names = ("CURRENT", "STATUS.json", f"{version}.duckdb")
    return [versions, *(versions / n for n in names), *(versions / f"{n}.tmp" for n in names),
            versions / f"{version}.duckdb.tmp.wal"]  # fmt: skip


def _readable(settings: Settings) -> str:
    """The id of the current version, after reading all of it."""
    version = current(settings)
    assert version is not None
    with hold(version), duckdb.connect(str(version.path), read_only=True) as con:
        row = con.execute("select publication_id from publication").fetchone()
        for (name,) in con.execute("select table_name from duckdb_tables()").fetchall():
            con.execute(f'select * from "{name}"').fetchall()
    assert row == (version.id,)
    return version.id


def _history(settings: Settings) -> list[tuple[object, ...]]:
    version = current(settings)
    assert version is not None
    with duckdb.connect(str(version.path), read_only=True) as con:
        return con.execute("select * exclude (published_at) from kpi_history order by all").fetchall()
