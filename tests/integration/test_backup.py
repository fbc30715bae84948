"""Back-up and restore on another folder: the same published numbers, row for row, their history and the state."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from almanac.build import run_build
from almanac.cli import cli
from almanac.compare import compare
from almanac.dbt_worker import WarmDbt
from almanac.publish import publish
from almanac.settings import Settings
from almanac.state import create_key, dump_state, open_state, suppress
from almanac.versions import current
from ingestion.backup.contents import place
from ingestion.backup.restoring import restore
from ingestion.backup.taking import take
from ingestion.lake import Lake
from tests import s3
from tests.postgres import database
from tests.small_home import publish_and_move_on
from tests.small_lake import FIRST_DAY, PASSED, land_day
from tests.small_project import small_settings
from tests.unit.test_backup import log, state_of

pytestmark = pytest.mark.xdist_group("history")
TODAY = date(2026, 6, 1)


@pytest.fixture
def home(tmp_path: Path) -> tuple[Settings, WarmDbt]:
    """Two publications, late and refused events, an erased user, a compacted day, a key, a suppressed id, a log."""
    settings, dbt = small_settings(tmp_path / "home"), WarmDbt(data_tests=False)
    publish_and_move_on(settings, dbt)
    refused = {"type": "track", "event": "never_heard_of", "messageId": "refused", "userId": "u"}
    land_day(settings, FIRST_DAY + timedelta(days=3), extra=[refused])
    lake = Lake.open(settings)
    for entry in lake.entries("events"):
        lake.rewrite(entry.path, "anonymous_id = 'visitor-2'")
    lake.compact(today=TODAY, keep=timedelta(0))
    assert run_build(settings, runner=dbt).succeeded
    publish(settings, PASSED)
    state = open_state(settings)
    create_key(state, "rentals", "web")
    suppress(state, "rentals", "user", "u9")
    state.close()
    log(settings, b"acknowledged")
    return settings, dbt


def test_the_numbers_their_history_and_the_state_are_the_same(
    home: tuple[Settings, WarmDbt], tmp_path: Path, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder to a bucket by the command line, and from the bucket into another folder."""
    settings, dbt = home
    bucket = s3.new_bucket(s3_server)
    again = small_settings(tmp_path / "again")
    for name, value in (("ENDPOINT", s3_server), ("KEY_ID", bucket.key_id), ("SECRET", bucket.secret)):
        monkeypatch.setenv(f"ALMANAC_LAKE_{name}", value)
    said = []
    for command, own in (("backup", settings), ("restore", again)):
        monkeypatch.setenv("ALMANAC_HOME", str(own.home))
        monkeypatch.setenv("ALMANAC_LAKE", str(own.lake))
        result = CliRunner().invoke(cli, [command, f"{bucket.address}/copy"])
        assert result.exit_code == 0, result.output
        said.append(result.output)
    assert said[0].startswith("backup of 20")
    assert "almanac rebuild" in said[1]

    assert state_of(again) == state_of(settings)  # publishing here is a publication of its own
    assert run_build(again, runner=dbt, full_refresh=True).succeeded
    published = publish(again, PASSED).version
    compared = compare(settings.warehouse, again.warehouse)
    assert compared.differing == {}
    assert len(compared.relations) > 20
    before = current(settings)
    assert before is not None
    for relation in ("kpi_values", "kpi_history"):
        # Publishing what was published changes no number, so it adds nothing to their history.
        shown = [_rows(version.path, f"select * from {relation} order by all") for version in (before, published)]
        assert shown[0] == shown[1] != []
    assert Lake.open(again).verify() == []


def test_a_lake_in_a_bucket_and_a_state_in_postgresql_come_back_as_a_folder_and_sqlite(
    tmp_path: Path, s3_server: str, postgres_dsn: str
) -> None:
    with database(postgres_dsn) as dsn:
        settings = replace(small_settings(tmp_path / "home"), object_store=s3.new_bucket(s3_server), state_dsn=dsn)
        land_day(settings, FIRST_DAY)
        state = open_state(settings)
        create_key(state, "rentals", "web", events_per_second=1.5)
        dumped = dump_state(state)
        state.close()
        folder = place(settings, str(tmp_path / "backup"))
        taken = take(settings, folder)
        assert datetime.now(UTC) - datetime.fromisoformat(taken.made_at) < timedelta(minutes=5)
        again = small_settings(tmp_path / "again")
        restore(again, folder)
        assert state_of(again) == dumped
        assert [e.sha256 for e in Lake.open(again).entries()] == [e.sha256 for e in Lake.open(settings).entries()]
    with database(postgres_dsn) as dsn:
        back = replace(small_settings(tmp_path / "back"), object_store=s3.new_bucket(s3_server), state_dsn=dsn)
        restore(back, folder)
        assert state_of(back) == dumped
        assert Lake.open(back).verify() == []


def _rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()
