"""Sending again what is in the lake already, however late and in whatever order, changes no number.

Only what was received, and how much of it was a duplicate, may move.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any

import duckdb
import pytest

from almanac.build import run_build
from almanac.compare import compare
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from tests.small_lake import FIRST_DAY, land_day, messages
from tests.small_project import small_settings

AGE = timedelta(days=40)
LAST_DAY = FIRST_DAY + AGE
DAYS = (FIRST_DAY, FIRST_DAY + timedelta(days=1), LAST_DAY)
TENANTS = ("rentals", "advisory")
# After everything else of the last day, so that the newest arrival is still on it.
AGAIN = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 22, tzinfo=UTC)
MOVE = {"mv_daily_arrivals", "int_events__landings"}


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    """dbt, parsed once."""
    return WarmDbt(data_tests=False)


def built(settings: Settings, dbt: WarmDbt, copy: Path) -> Path:
    """A copy of the warehouse after a build that had something to do."""
    result = run_build(settings, runner=dbt)
    assert result.built
    assert result.succeeded, [(n.name, n.message) for n in result.failed]
    copyfile(settings.warehouse, copy)
    return copy


def send_again(settings: Settings, tenant: str, found: Sequence[dict[str, Any]], seed: int) -> None:
    """Land messages once more, in an order of their own."""
    shuffled = Random(seed).sample(list(found), len(found))
    at = AGAIN + timedelta(minutes=seed)
    arrivals = [Arrival(at + timedelta(seconds=n), message) for n, message in enumerate(shuffled)]
    content = hashlib.sha256(f"{tenant} {seed}".encode()).hexdigest()
    landed = Lake.open(settings).land(tenant, "web", arrivals, content_hash=content, received={LAST_DAY: len(arrivals)})
    assert (landed.is_new, landed.quarantined) == (True, 0)


def arrivals(warehouse: Path) -> dict[tuple[Any, ...], tuple[int, int, tuple[int, ...]]]:
    """Received, duplicate and all other counts of each tenant and day."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.execute(
            "select tenant, received_date, received, duplicate, accepted, quarantined, suppressed, erased, late,"
            " time_corrected, difference from marts.mv_daily_arrivals"
        ).fetchall()
    return {(tenant, day): (received, duplicate, tuple(rest)) for tenant, day, received, duplicate, *rest in rows}


def test_only_received_and_duplicate_move(tmp_path: Path, dbt: WarmDbt) -> None:
    settings = small_settings(tmp_path / "home")
    for tenant in TENANTS:
        for day in DAYS:
            land_day(settings, day, tenant=tenant)
    before = built(settings, dbt, tmp_path / "before.duckdb")

    # The same landings once more are no landings at all.
    for tenant in TENANTS:
        for day in DAYS:
            land_day(settings, day, tenant=tenant)
    assert not run_build(settings, runner=dbt).built

    # Every event of the lake as a new arrival.
    everything = [message for day in DAYS for message in messages(day)]
    for tenant in TENANTS:
        send_again(settings, tenant, everything, seed=0)
    whole = built(settings, dbt, tmp_path / "whole.duckdb")
    assert compare(before, whole).differing.keys() == MOVE

    # A batch that is 40 days old, ten times.
    old = messages(FIRST_DAY)
    for seed in range(1, 11):
        send_again(settings, "rentals", old, seed)
    after = built(settings, dbt, tmp_path / "after.duckdb")
    assert compare(before, after).differing.keys() == MOVE

    first, last = arrivals(before), arrivals(after)
    assert first.keys() == last.keys()
    for (tenant, day), (received, duplicate, rest) in first.items():
        more = 0
        if day == LAST_DAY:
            more = len(everything) + (10 * len(old) if tenant == "rentals" else 0)
        assert last[tenant, day] == (received + more, duplicate + more, rest)
