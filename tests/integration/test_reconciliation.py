"""Received = accepted + duplicate + quarantined + suppressed + erased: a lake that lies consistently is still caught.

Each case changes a file and makes the manifest agree (rows, bytes, hash), so that only the reconciliation can see it.
"""

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from almanac.build import BuildResult, run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from tests.refused_events import DAY, land, new_place, villa
from tests.small_lake import FIRST_DAY, land_day

COUNTS = ("mv_daily_arrivals", "mv_daily_quarantine", "mv_quarantine_latest")
CHECK = "reconciliation_received_equals_the_parts"
REJECTED = {"type": "track", "event": "no_such_event", "messageId": "bad", "anonymousId": "v"}


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    """Makes what counts events, and runs its data tests."""
    return WarmDbt(for_models=COUNTS)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake of one day with one rejected event."""
    own = Settings.for_home(tmp_path)
    land_day(own, FIRST_DAY, extra=[REJECTED])
    return own


def test_an_honest_lake_reconciles(settings: Settings, dbt: WarmDbt) -> None:
    """The control: nothing is wrong, and every term is there."""
    assert run_build(settings, runner=dbt).succeeded
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        row = con.execute("select received, accepted, quarantined, difference from marts.mv_daily_arrivals").fetchall()
    assert row == [(23, 22, 1, 0)]


def test_replays_reconcile_on_their_own_day(tmp_path: Path, dbt: WarmDbt) -> None:
    """Refused events, one of which its client sends again before all are replayed: each day adds up by itself.

    The one sent again is one event: its replay is a duplicate. Refused rows keep counting where they were counted.
    """
    place = new_place(tmp_path)
    own = Settings.for_home(place.home)  # builds with the repository's models
    land(place.lake, [villa(1), villa(2), villa(3, userId=None), {"type": "page", "userId": "u"}])
    assert run_build(own, runner=dbt).succeeded
    place.mend()
    land(place.lake, [villa(2)], DAY + timedelta(days=1))
    assert place.told("replay", "--all")[0].startswith("2 events landed")
    place.told("replay", "--all")
    for full_refresh in (False, True):
        result = run_build(own, runner=dbt, full_refresh=full_refresh)
        assert result.succeeded, [(n.name, n.message) for n in result.failed]
        with duckdb.connect(str(own.warehouse), read_only=True) as con:
            arrivals = con.execute(
                "select received, accepted, duplicate, quarantined, difference from marts.mv_daily_arrivals"
                " order by received_date"
            ).fetchall()
            refused = con.execute("select code, quarantined, replayed from marts.mv_daily_quarantine").fetchall()
            waiting = con.execute("select ingest_row from marts.mv_quarantine_latest where replayed_at is null")
            assert waiting.fetchall() == [(2,)]
        assert arrivals == [(4, 1, 0, 3, 0), (1, 1, 0, 0, 0), (2, 1, 1, 0, 0)]
        assert refused == [("unknown_event", 3, 2)]


def test_a_deleted_row_breaks_it(settings: Settings, dbt: WarmDbt) -> None:
    """One accepted event less than was counted at the door."""
    _change(settings, "events", "select * from rows where ingest_row <> 3")
    _only_the_reconciliation_fails(run_build(settings, runner=dbt))


@pytest.mark.parametrize("place", ["ingest_row", "ingest_row + 1000"])
def test_a_doubled_row_breaks_it(settings: Settings, dbt: WarmDbt, place: str) -> None:
    """The same event twice, at the same place or at another one of the landing."""
    doubled = f"select * from rows union all select * replace ({place} as ingest_row) from rows where ingest_row = 3"
    _change(settings, "events", doubled)
    result = run_build(settings, runner=dbt)
    assert CHECK in {n.name for n in result.failed}


def test_a_fact_lost_between_two_builds_is_missed(settings: Settings, dbt: WarmDbt) -> None:
    """Its landing is not looked at again, and its day of arrival adds up as it did."""
    assert run_build(settings, runner=dbt).succeeded
    with duckdb.connect(str(settings.warehouse)) as con:
        con.execute("delete from marts.fact_events where ingest_row = 0")
    land_day(settings, FIRST_DAY + timedelta(days=1))
    result = run_build(settings, runner=dbt)
    assert not result.full_refresh
    assert [n.name for n in result.failed if n.status != "skipped"] == ["no_accepted_event_is_missing"]


def test_a_skipped_quarantine_write_breaks_it(settings: Settings, dbt: WarmDbt) -> None:
    """A rejected event that is kept nowhere."""
    commit, document = _commit(settings)
    entry = next(e for e in document["entries"] if e["kind"] == "quarantine")
    (settings.lake / entry["path"]).unlink()
    document["entries"].remove(entry)
    commit.write_text(json.dumps(document), encoding="utf-8")
    _only_the_reconciliation_fails(run_build(settings, runner=dbt))


def _only_the_reconciliation_fails(result: BuildResult) -> None:
    assert [n.name for n in result.failed if n.status != "skipped"] == [CHECK]


def _commit(settings: Settings) -> tuple[Path, dict[str, Any]]:
    (commit,) = (settings.lake / "manifest").glob("*.json")
    return commit, json.loads(commit.read_text(encoding="utf-8"))


def _change(settings: Settings, kind: str, query: str) -> None:
    commit, document = _commit(settings)
    entry = next(e for e in document["entries"] if e["kind"] == kind)
    file = settings.lake / entry["path"]
    with duckdb.connect() as con:
        con.execute(f"create table rows as from read_parquet('{file}', hive_partitioning = false)")
        con.execute(f"copy ({query}) to '{file}' (format parquet, compression zstd)")
        count = con.execute(f"select count(*) from read_parquet('{file}')").fetchone()
    data = file.read_bytes()
    entry |= {"rows": count[0] if count else 0, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    commit.write_text(json.dumps(document), encoding="utf-8")
