"""A backfill of a year that is killed: what was finished is not done again, and the end is as if nothing had been."""

import os
import re
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from almanac.backfill import backfills
from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from almanac.settings import ROOT, Settings
from almanac.versions import current
from tests.small_lake import PASSED, land_days

FIRST_DAY, DAYS, CHUNK_DAYS = date(2025, 9, 1), 365, 40
CHUNKS = -(-DAYS // CHUNK_DAYS)
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
HEALED = FIRST_DAY + timedelta(days=CHUNK_DAYS // 2)
DONE = re.compile(r"^(\d+) of (\d+): ")


@pytest.mark.deep
def test_a_year_goes_on_after_a_kill_with_the_chunk_that_was_not_finished(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    land_days(settings, DAYS, first=FIRST_DAY)
    assert run_build(settings, runner=WarmDbt(data_tests=False)).succeeded
    publish(settings, PASSED)
    before = numbers(settings)
    bookings = booked(settings)
    with duckdb.connect(str(settings.warehouse)) as con:  # a loss that the first chunk heals, or its checks would fail
        con.execute(f"delete from marts.fact_events where event = 'booking_confirmed' and event_date < '{HEALED}'")
    assert booked(settings) < bookings

    with started(settings) as backfill:
        assert backfill.stdout
        said = []
        for line in backfill.stdout:
            said.append(line)
            if line.startswith("3 of "):
                break
        else:
            pytest.fail("".join(said))
        os.killpg(backfill.pid, signal.SIGKILL)
    [stopped] = backfills(settings)
    finished = [chunk for chunk in stopped.chunks if chunk.run_id is not None]
    assert 3 <= len(finished) < CHUNKS
    assert numbers(settings) == before, "readers see what they saw"

    with started(settings) as backfill:
        said, _ = backfill.communicate()
    assert backfill.returncode == 0, said
    told = [int(found[1]) for line in said.splitlines() if (found := DONE.match(line))]
    assert told == list(range(len(finished) + 1, CHUNKS + 1))
    [done] = backfills(settings)
    assert list(done.chunks[: len(finished)]) == finished, "a finished chunk was done again"
    assert done.waiting == []
    assert numbers(settings) == before
    assert booked(settings) == bookings


def booked(settings: Settings) -> int:
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        row = con.execute("select count(*) from marts.fact_events where event = 'booking_confirmed'").fetchone()
    assert row
    return int(row[0])


def started(settings: Settings) -> subprocess.Popen[str]:
    """The command in a process group of its own."""
    command = ["backfill", "--from", str(FIRST_DAY), "--to", str(LAST_DAY), "--chunk-days", str(CHUNK_DAYS)]
    return subprocess.Popen(
        [sys.executable, "-m", "almanac", *command],
        cwd=ROOT,
        env={**os.environ, "ALMANAC_HOME": str(settings.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def numbers(settings: Settings) -> list[tuple[object, ...]]:
    """All KPI values of the version that readers see."""
    version = current(settings)
    assert version
    with duckdb.connect(str(version.path), read_only=True) as con:
        return con.execute("select * from kpi_values order by all").fetchall()
