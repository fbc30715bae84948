"""Bad batches, written through the lake, block publishing: one for each expectation on arriving data."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import expectations
from almanac.build import run_build
from almanac.checks import CheckResult
from almanac.dbt_worker import WarmDbt
from almanac.errors import AlmanacError
from almanac.publish import gate, publish
from almanac.settings import Settings
from almanac.versions import current, read_status
from ingestion.envelope import Arrival
from ingestion.lake import Lake

pytestmark = pytest.mark.xdist_group("expectations")  # what its tests share is made once

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
HISTORY_DAYS = 9
NEXT = HISTORY_DAYS  # the day that each test lands, and that is judged once something arrives on the day after
ROWS = 100


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    return WarmDbt(data_tests=False)


@pytest.fixture(scope="module")
def published_home(tmp_path_factory: pytest.TempPathFactory, dbt: WarmDbt) -> Path:
    """Nine usual days of one tenant, built and published."""
    settings = Settings.for_home(tmp_path_factory.mktemp("usual"))
    for day in range(HISTORY_DAYS):
        land(settings, day, messages(day))
    assert run_build(settings, runner=dbt).succeeded
    publish(settings, gate(settings))
    return settings.home


@pytest.fixture
def settings(published_home: Path, tmp_path: Path) -> Iterator[Settings]:
    shutil.copytree(published_home, tmp_path / "home")
    yield Settings.for_home(tmp_path / "home")
    shutil.rmtree(tmp_path / "home")


def messages(day: int, count: int = ROWS, **changes: Any) -> list[dict[str, Any]]:
    """Page views of a few persons, a minute apart; `changes` replaces or (None) removes fields of the messages."""
    usual = [
        {
            "type": "page",
            "name": "Home",
            "messageId": f"{day}-{n}",
            "userId": f"guest-{n % 7}",
            "anonymousId": f"device-{n % 7}",
            "timestamp": (START + timedelta(days=day, minutes=n)).isoformat(),
            "properties": {},
        }
        for n in range(count)
    ]
    return [{k: v for k, v in (message | changes).items() if v is not None} for message in usual]


def land(settings: Settings, day: int, found: list[dict[str, Any]], tenant: str = "rentals") -> None:
    """Land messages as they come in on `day` (counted from the first one), in the order given."""
    received_at = START + timedelta(days=day)
    arrivals = [Arrival(received_at + timedelta(minutes=n), message) for n, message in enumerate(found)]
    Lake.open(settings).land(
        tenant, "web", arrivals, content_hash=f"{tenant} {day}", received={received_at.date(): len(arrivals)}
    )


def late(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        m | {"timestamp": (datetime.fromisoformat(m["timestamp"]) - timedelta(days=3, seconds=30)).isoformat()}
        for m in found
    ]


def failed(results: list[CheckResult]) -> set[str]:
    return {r.name for r in results if r.blocks}


def missing_day(settings: Settings) -> None:
    """Nothing is landed."""


def too_few(settings: Settings) -> None:
    land(settings, NEXT, messages(NEXT, count=5))


def too_many(settings: Settings) -> None:
    land(settings, NEXT, messages(NEXT, count=ROWS * 5))


def without_rows(settings: Settings) -> None:
    land(settings, NEXT, [])


def many_late(settings: Settings) -> None:
    land(settings, NEXT, [*late(messages(NEXT, count=60)), *messages(NEXT)[60:]])


def many_quarantined(settings: Settings) -> None:
    refused = messages(NEXT, count=60, type="track", event="Nobody Declared This", name=None)
    land(settings, NEXT, [*refused, *messages(NEXT)[60:]])


def column_without_values(settings: Settings) -> None:
    land(settings, NEXT, messages(NEXT, userId=None))


def delivered_twice(settings: Settings) -> None:
    again = [message | {"messageId": f"again-{message['messageId']}"} for message in messages(NEXT)]
    land(settings, NEXT, [*messages(NEXT), *again])


BAD = {
    missing_day: "every_day_is_present",
    too_few: "rows_are_usual",
    too_many: "rows_are_usual",
    without_rows: "rows_are_usual",
    many_late: "late_share_is_usual",
    many_quarantined: "quarantined_share_is_usual",
    delivered_twice: "repeated_share_is_usual",
    column_without_values: "no_column_is_silent",
}


def test_there_is_a_bad_batch_for_every_expectation() -> None:
    assert set(BAD.values()) == set(expectations.CHECKS)


@pytest.mark.parametrize(("batch", "check"), BAD.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_bad_batch_blocks_publishing(settings: Settings, dbt: WarmDbt, batch: Any, check: str) -> None:
    before = current(settings)
    batch(settings)
    land(settings, NEXT + 1, messages(NEXT + 1, count=1))
    assert run_build(settings, runner=dbt).succeeded, "the rows themselves are in order; only the expectation objects"

    results = gate(settings)
    assert failed(results) == {check}
    with pytest.raises(AlmanacError, match=check):
        publish(settings, results)
    assert current(settings) == before
    status = read_status(settings)
    assert (status.succeeded, status.failed_checks) == (False, (check,))
    assert status.published_at is not None


def test_a_usual_batch_is_published(settings: Settings, dbt: WarmDbt) -> None:
    before = current(settings)
    land(settings, NEXT, messages(NEXT))
    land(settings, NEXT + 1, messages(NEXT + 1, count=1))
    assert run_build(settings, runner=dbt).succeeded
    assert publish(settings, gate(settings)).is_new
    assert current(settings) != before


def test_a_source_that_stopped_blocks_however_long_ago_that_was(settings: Settings, dbt: WarmDbt) -> None:
    land(settings, NEXT + 30, messages(NEXT + 30), tenant="advisory")
    assert run_build(settings, runner=dbt).succeeded
    results = expectations.run(settings)
    assert {(r.subject, r.name) for r in results if r.blocks} == {("rentals/web", "every_day_is_present")}


def test_a_source_that_never_sent_anything_warns_and_does_not_block(settings: Settings) -> None:
    results = [r for r in expectations.run(settings) if r.subject == "advisory/web"]
    assert [(r.name, r.severity) for r in results if not r.passed] == [("every_day_is_present", "warn")]
    assert not any(r.blocks for r in results)


def test_only_sources_with_an_expectation_are_judged(settings: Settings) -> None:
    assert {r.subject for r in expectations.run(settings)} == {"advisory/web", "rentals/web"}


def test_judging_twice_says_the_same_and_writes_nothing(settings: Settings) -> None:
    def files() -> dict[str, tuple[int, int]]:
        found = {str(p): p.stat() for p in settings.home.rglob("*") if p.is_file()}
        return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}

    before = files()
    assert expectations.run(settings) == expectations.run(settings)
    assert files() == before


def test_nothing_is_judged_before_the_first_build(tmp_path: Path) -> None:
    settings = Settings.for_home(tmp_path)
    settings.warehouse.parent.mkdir(parents=True)
    duckdb.connect(str(settings.warehouse)).close()
    assert expectations.run(settings) == []
