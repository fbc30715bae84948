"""A backfill takes just its days from the lake once more, and goes on where it was stopped."""

import re
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from almanac.backfill import Backfill, Span, backfills, run_backfill
from almanac.build import run_build
from almanac.cli_backfill import COMMANDS
from almanac.dbt_worker import DbtRun, OnEvent, WarmDbt
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.versions import read_status
from tests.small_lake import FIRST_DAY, land_days

pytestmark = pytest.mark.xdist_group("backfill")

SECOND_DAY, THIRD_DAY = (FIRST_DAY + timedelta(days=n) for n in (1, 2))
COUNT = """
    select tenant, cast(received_at as date), count(*), sum(amount)
    from marts.fact_events group by all order by all
"""

COUNTED = ("fact_events",)


class CountingDbt(WarmDbt):
    """Counts its builds; the one numbered `fails` (from 1) does nothing and says that it failed."""

    builds, fails = 0, 0

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build, or fail as planned."""
        self.builds += 1
        if self.builds == self.fails:
            return DbtRun(error="planned")
        return super().build(settings, full_refresh=full_refresh, on_event=on_event)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Three days of two tenants, built."""
    made = Settings.for_home(tmp_path_factory.mktemp("home"))
    land_days(made, 3)
    assert run_build(made, runner=CountingDbt(data_tests=False, for_models=COUNTED)).succeeded
    return made


@pytest.fixture
def dbt() -> CountingDbt:
    return CountingDbt(data_tests=False, for_models=COUNTED)


def counted(settings: Settings) -> list[tuple[object, ...]]:
    with duckdb.connect(str(settings.warehouse)) as con:
        return con.execute(COUNT).fetchall()


def lose(settings: Settings) -> list[tuple[object, ...]]:
    """Lose events of every day and tenant, as a hand in the warehouse may; what there was before."""
    before = counted(settings)
    with duckdb.connect(str(settings.warehouse)) as con:
        con.execute("delete from marts.fact_events where event = 'booking_confirmed'")
    assert [row[2] for row in counted(settings)] != [row[2] for row in before]
    return before


def test_it_brings_back_its_days_and_its_tenant_and_no_others(settings: Settings, dbt: CountingDbt) -> None:
    before = lose(settings)
    lost = counted(settings)
    seen: list[tuple[int, int]] = []

    def see(made: Backfill, _chunk: object, result: object) -> None:
        seen.append((len(made.waiting), getattr(result, "pending", -1)))

    span = Span(FIRST_DAY, SECOND_DAY, "rentals")
    made = run_backfill(settings, span, chunk_days=1, runner=dbt, on_chunk=see)
    assert seen == [(1, 1), (0, 1)]
    assert made.finished_at is not None
    mine = [row[0] == "rentals" and row[1] in (FIRST_DAY, SECOND_DAY) for row in before]
    assert counted(settings) == [was if own else now for was, now, own in zip(before, lost, mine, strict=True)]

    # The rest, of all tenants, with a day on which nothing arrived.
    run_backfill(settings, Span(FIRST_DAY, THIRD_DAY + timedelta(days=1)), chunk_days=3, runner=dbt, on_chunk=see)
    assert seen[2:] == [(1, 6), (0, 0)]
    assert counted(settings) == before
    assert not run_build(settings, runner=dbt).built


def test_one_that_failed_goes_on_with_the_first_chunk_that_is_left(settings: Settings, dbt: CountingDbt) -> None:
    before = lose(settings)
    span = Span(FIRST_DAY, THIRD_DAY)
    dbt.fails = 2
    with pytest.raises(AlmanacError, match=f"stopped at {SECOND_DAY} to {SECOND_DAY}.*the same command goes on"):
        run_backfill(settings, span, chunk_days=1, runner=dbt)
    assert "the backfill stopped" in read_status(settings).reason
    newest = backfills(settings)[0]
    assert [chunk.span.first for chunk in newest.waiting] == [SECOND_DAY, THIRD_DAY]
    assert newest.finished_at is None

    dbt.builds, dbt.fails = 0, 0
    made = run_backfill(settings, span, chunk_days=30, runner=dbt)
    assert (made.id, dbt.builds, made.waiting) == (newest.id, 2, [])
    assert counted(settings) == before
    dbt.fails = dbt.builds + 1
    with pytest.raises(AlmanacError, match=r"planned"):
        run_backfill(settings, span, chunk_days=30, runner=dbt)
    newest = backfills(settings)[0]
    assert (newest.id != made.id, len(newest.chunks)) == (True, 1)


def test_what_is_no_span_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(AlmanacError, match="holds no day: the first day comes first"):
        run_backfill(settings, Span(SECOND_DAY, FIRST_DAY))
    with pytest.raises(AlmanacError, match="tenant 'nobody' is unknown: use one of advisory"):
        run_backfill(settings, Span(FIRST_DAY, FIRST_DAY, "nobody"))
    assert backfills(Settings.for_home(tmp_path)) == []


def test_the_command_says_what_it_did(
    settings: Settings, dbt: CountingDbt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("almanac.build.SpawnedDbt", lambda: dbt)
    monkeypatch.setattr("almanac.cli_backfill.publish_and_say", lambda _: None)

    def run(*arguments: str, home: Path = settings.home) -> str:
        done = CliRunner().invoke(COMMANDS["backfill"], [*arguments], env={"ALMANAC_HOME": str(home)})
        return done.output + str(done.exception or "")

    said = run("--from", str(FIRST_DAY), "--to", str(SECOND_DAY), "--tenant", "advisory")
    assert re.search(rf"1 of 1: {FIRST_DAY} to {SECOND_DAY}: \d landings built once more", said)
    listed = run("--list").splitlines()[2]
    assert "advisory" in listed
    assert "1 of 1" in listed
    assert "there was no backfill" in run("--list", home=tmp_path)
    assert "--from is missing" in run()
