"""The publisher is killed at every write, fsync, rename, unlink and truncate: readers get the old or the new version."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from almanac.settings import ROOT, Settings
from almanac.versions import current, hold
from tests.small_lake import FIRST_DAY, PASSED, land_day, land_days

SYSCALLS = "write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,truncate"
ORDINARY_WRITES = 12  # of the many equal page writes only so many are killed in the ordinary suite
CALL = re.compile(r"^(?:\[pid\s+\d+\] |\d+ +)?(\w+)\(")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str, str]:
    """A home with one published version and a built, not yet published change; with both versions' ids."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    settings = Settings.for_home(tmp_path_factory.mktemp("publish"))
    dbt = WarmDbt()
    land_days(settings, 2)
    assert run_build(settings, runner=dbt).succeeded
    old = publish(settings, PASSED).version.id
    land_day(settings, FIRST_DAY + timedelta(days=2))
    land_day(settings, FIRST_DAY, tag="late")
    assert run_build(settings, runner=dbt).succeeded
    undisturbed = Settings.for_home(settings.home.with_name("undisturbed"))
    shutil.copytree(settings.home, undisturbed.home)
    new = publish(undisturbed, PASSED).version.id
    assert old != new
    return settings, old, new


def test_a_publisher_killed_at_any_point_leaves_the_old_or_the_new_version(
    prepared: tuple[Settings, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ordinary suite: every point that is not one of many equal page writes."""
    points = _points(prepared, tmp_path)
    few = [p for p in points if p[0] not in ("pwrite64", "write") or p[1] <= ORDINARY_WRITES]
    _kill_at(few, prepared, tmp_path)
    with capsys.disabled():
        print(f"\npublisher: {len(points)} points below versions/, killed at {len(few)}")
    assert len(few) >= 15


@pytest.mark.deep
def test_a_publisher_killed_at_every_single_point(prepared: tuple[Settings, str, str], tmp_path: Path) -> None:
    """The deep suite: every point."""
    _kill_at(_points(prepared, tmp_path), prepared, tmp_path)


def _points(prepared: tuple[Settings, str, str], tmp_path: Path) -> list[tuple[str, int]]:
    """Every (system call, how many-eth of its kind) that an undisturbed publication makes below the versions folder."""
    home = _fresh(prepared[0], tmp_path / "count")
    log = tmp_path / "strace.log"
    done = _strace(home, prepared[2], ["-o", str(log)])
    assert done.returncode == 0, done.stderr
    counts: Counter[str] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        if match := CALL.match(line):
            counts[match[1]] += 1
    return [(call, n + 1) for call, total in sorted(counts.items()) for n in range(total)]


def _kill_at(points: list[tuple[str, int]], prepared: tuple[Settings, str, str], tmp_path: Path) -> None:
    settings, old, new = prepared
    assert points
    for call, n in points:
        home = _fresh(settings, tmp_path / f"{call}-{n}")
        own = Settings.for_home(home)
        killed = _strace(home, new, ["-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL:when={n}"])
        assert killed.returncode != 0, f"{call} {n}: the publisher was not killed"
        assert _readable(own) in (old, new), f"{call} {n}"
        assert publish(own, PASSED).version.id == new, f"{call} {n}: the next publication differs"
        assert _readable(own) == new
        assert _history(own) == _history(Settings.for_home(settings.home.with_name("undisturbed"))), f"{call} {n}"
        left = [f.name for f in own.versions.iterdir() if f.suffix in (".tmp", ".wal")]
        assert not left, f"{call} {n}: leftovers {left}"
        shutil.rmtree(home)


def _fresh(settings: Settings, home: Path) -> Path:
    shutil.copytree(settings.home, home)
    return home


def _strace(home: Path, version: str, options: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the publisher under strace, seeing only the files that it writes below the versions folder."""
    versions = home / "versions"
    names = (".", "CURRENT", "STATUS.json", f"{version}.duckdb")
    paths = [str(versions / name) for name in names] + [str(versions)]
    paths += [str(versions / f"{name}.tmp") for name in names[1:]] + [str(versions / f"{version}.duckdb.tmp.wal")]
    watched = [part for path in paths for part in ("-P", path)]
    command = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={SYSCALLS}", *watched, *options]
    command += [sys.executable, "-m", "tests.integration.publisher", str(home)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


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
