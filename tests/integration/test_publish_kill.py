"""The publisher is killed at every write, fsync, rename, unlink, truncate: readers get the old or the new version."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def publisher() -> Iterator["Publisher"]:
    """One process for all publications: it has imported what it needs."""
    own = Publisher()
    yield own
    own.close()


def test_a_publisher_killed_at_any_point_leaves_the_old_or_the_new_version(
    publisher: "Publisher", prepared: tuple[Settings, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ordinary suite: every point that is not one of many equal page writes."""
    points = _points(publisher, prepared, tmp_path)
    few = [p for p in points if p[0] not in ("pwrite64", "write") or p[1] <= ORDINARY_WRITES]
    _kill_at(few, publisher, prepared, tmp_path)
    with capsys.disabled():
        sys.stdout.write(f"\npublisher: {len(points)} points below versions/, killed at {len(few)}\n")
    assert len(few) >= 15


@pytest.mark.deep
def test_a_publisher_killed_at_every_single_point(
    publisher: "Publisher", prepared: tuple[Settings, str, str], tmp_path: Path
) -> None:
    """The deep suite: every point."""
    _kill_at(_points(publisher, prepared, tmp_path), publisher, prepared, tmp_path)


def _points(publisher: "Publisher", prepared: tuple[Settings, str, str], tmp_path: Path) -> list[tuple[str, int]]:
    """Every (system call, how many-eth of its kind) that an undisturbed publication makes below the versions folder."""
    home = _fresh(prepared[0], tmp_path / "count")
    log = tmp_path / "strace.log"
    assert publisher.run(home, prepared[2], ["-o", str(log)]) == 0
    counts: Counter[str] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        if match := CALL.match(line):
            counts[match[1]] += 1
    return [(call, n + 1) for call, total in sorted(counts.items()) for n in range(total)]


def _kill_at(
    points: list[tuple[str, int]], publisher: "Publisher", prepared: tuple[Settings, str, str], tmp_path: Path
) -> None:
    settings, old, new = prepared
    assert points
    for call, n in points:
        home = _fresh(settings, tmp_path / f"{call}-{n}")
        own = Settings.for_home(home)
        status = publisher.run(home, new, ["-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL:when={n}"])
        assert status == -signal.SIGKILL, f"{call} {n}: the publisher ended with {status}"
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


class Publisher:
    """A process that publishes in traced children of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.integration.publisher"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, home: Path, version: str, options: list[str]) -> int:
        """Publish `home` under strace, which sees only the files below its versions folder; the exit status."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{home}\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        watched = [part for path in _written(home / "versions", version) for part in ("-P", str(path))]
        command = ["strace", "-f", "-p", str(pid), "-e", f"trace={SYSCALLS}", "-e", "signal=none", *watched, *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr
            assert "attached" in strace.stderr.readline()
            os.kill(pid, signal.SIGCONT)
            status = int(self._process.stdout.readline())
            strace.stderr.read()
        return status

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


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
