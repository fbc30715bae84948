"""Bad batches, written through the lake, block publishing: one for each expectation on arriving data."""

import json
import shutil
from collections.abc import Callable, Iterator
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
from ingestion.simulator.tenants import BUSINESSES
from tests.small_project import small_settings

pytestmark = pytest.mark.xdist_group("expectations")  # what its tests share is made once

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
HISTORY_DAYS = 9
NEXT = HISTORY_DAYS  # the day that each test lands, and that is judged once something arrives on the day after
ROWS = 100
READ = ("fact_events", "mv_daily_arrivals", "mv_daily_quarantine")  # by what judges; `almanac build` makes everything
BOOKED, VIEWED = "booking_confirmed", "listing_viewed"


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    return WarmDbt(data_tests=False)


@pytest.fixture(scope="module")
def judged() -> WarmDbt:
    """Makes what is judged and no more, for builds that are not published."""
    return WarmDbt(data_tests=False, for_models=READ)


@pytest.fixture(scope="module")
def published_home(tmp_path_factory: pytest.TempPathFactory, dbt: WarmDbt) -> Path:
    """Nine usual days of one tenant, built and published."""
    settings = small_settings(tmp_path_factory.mktemp("usual"))
    for day in range(HISTORY_DAYS):
        land(settings, day, messages(day))
    assert run_build(settings, runner=dbt).succeeded
    publish(settings, gate(settings))
    return settings.home


@pytest.fixture
def settings(published_home: Path, tmp_path: Path) -> Iterator[Settings]:
    shutil.copytree(published_home, tmp_path / "home")
    yield small_settings(tmp_path / "home")
    shutil.rmtree(tmp_path / "home")


def messages(day: int, count: int = ROWS, **changes: Any) -> list[dict[str, Any]]:
    """Page views, views of listings and a few bookings of some persons, a minute apart.

    `changes` replaces or (None) removes fields of the messages.
    """
    usual = [
        {
            **_happening(day, n),
            "messageId": f"{day}-{n}",
            "userId": f"guest-{n % 7}",
            "anonymousId": f"device-{n % 7}",
            "timestamp": (START + timedelta(days=day, minutes=n)).isoformat(),
        }
        for n in range(count)
    ]
    return [{k: v for k, v in (message | changes).items() if v is not None} for message in usual]


def _happening(day: int, n: int) -> dict[str, Any]:
    listing = {"listing_id": f"l{n % 4}"}
    if n % 10 == 0:
        money = {"amount": 100 + n % 70, "currency": "EUR"}
        return {"type": "track", "event": BOOKED, "properties": {"booking_id": f"b{day}-{n}", **money, **listing}}
    if n % 10 < 3:
        return {"type": "track", "event": VIEWED, "properties": listing}
    return {"type": "page", "name": "Home", "properties": {}}


def changed(event: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
    """The next day, with the messages of one event changed."""
    return [change(message) if message.get("event") == event else message for message in messages(NEXT)]


def with_properties(**properties: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda message: message | {"properties": message["properties"] | properties}


def land(settings: Settings, day: int, found: list[dict[str, Any]], tenant: str = "rentals") -> None:
    """Land messages as they come in on `day` (counted from the first one), in the order given."""
    received_at = START + timedelta(days=day)
    arrivals = [Arrival(received_at + timedelta(minutes=n), message) for n, message in enumerate(found)]
    Lake.open(settings).land(
        tenant, "web", arrivals, content_hash=f"{tenant} {day}", received={received_at.date(): len(arrivals)}
    )


def earlier(found: list[dict[str, Any]], **by: int) -> list[dict[str, Any]]:
    return [m | {"timestamp": (datetime.fromisoformat(m["timestamp"]) - timedelta(**by)).isoformat()} for m in found]


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
    land(settings, NEXT, [*earlier(messages(NEXT, count=60), days=3, seconds=30), *messages(NEXT)[60:]])


def many_quarantined(settings: Settings) -> None:
    refused = messages(NEXT, count=60, type="track", event="Nobody Declared This", name=None)
    land(settings, NEXT, [*refused, *messages(NEXT)[60:]])


def column_without_values(settings: Settings) -> None:
    land(settings, NEXT, messages(NEXT, userId=None))


def delivered_twice(settings: Settings) -> None:
    again = [message | {"messageId": f"again-{message['messageId']}"} for message in messages(NEXT)]
    land(settings, NEXT, [*messages(NEXT), *again])


def without_listings(settings: Settings) -> None:
    land(settings, NEXT, changed(BOOKED, with_properties(listing_id=None)))


def hours_off(settings: Settings) -> None:
    land(settings, NEXT, earlier(messages(NEXT), hours=5, seconds=30))


def bookings_refused(settings: Settings) -> None:
    land(settings, NEXT, changed(BOOKED, with_properties(amount="a lot")))


def in_dollars(settings: Settings) -> None:
    land(settings, NEXT, changed(BOOKED, with_properties(currency="USD")))


def unknown_listings(settings: Settings) -> None:
    land(settings, NEXT, changed(BOOKED, with_properties(listing_id="nobody-knows")))


def in_cents(settings: Settings) -> None:
    land(settings, NEXT, changed(BOOKED, with_properties(amount=13_000)))


BAD: dict[Callable[[Settings], None], set[str]] = {
    missing_day: {"every_day_is_present"},
    too_few: {"rows_are_usual"},
    too_many: {"rows_are_usual", "mix_is_usual"},  # into hours in which nothing comes
    without_rows: {"rows_are_usual"},
    many_late: {"late_share_is_usual", "times_are_usual"},
    many_quarantined: {"quarantined_share_is_usual"},
    delivered_twice: {"repeated_share_is_usual", "mix_is_usual", "times_are_usual"},
    column_without_values: {"no_column_is_silent", "values_are_filled"},
    without_listings: {"values_are_filled"},
    hours_off: {"times_are_usual"},
    bookings_refused: {"refusals_are_usual"},
    in_dollars: {"mix_is_usual"},
    unknown_listings: {"keys_are_known"},
    in_cents: {"amounts_are_usual"},
}


# What the rows that are shown of a batch must name, by check.
SHOWN: dict[Callable[[Settings], None], dict[str, str]] = {
    missing_day: {"every_day_is_present": "2026-03-11"},
    many_quarantined: {"quarantined_share_is_usual": "unknown_event"},
    many_late: {"late_share_is_usual": "happened at (UTC)"},
    delivered_twice: {"repeated_share_is_usual": "'times': 2"},
    column_without_values: {"no_column_is_silent": "user_id", "values_are_filled": "user_id"},
    without_listings: {"values_are_filled": "listing_id"},
    bookings_refused: {"refusals_are_usual": "amount"},
    in_dollars: {"mix_is_usual": "USD"},
    unknown_listings: {"keys_are_known": "nobody-knows"},
    in_cents: {"amounts_are_usual": "13,000.00"},
}


def test_there_is_a_bad_batch_for_every_expectation() -> None:
    assert set().union(*BAD.values()) == set(expectations.CHECKS)


@pytest.mark.parametrize("batch", BAD)
def test_a_bad_batch_blocks_publishing(settings: Settings, judged: WarmDbt, batch: Callable[[Settings], None]) -> None:
    before, checks = current(settings), BAD[batch]
    batch(settings)
    land(settings, NEXT + 1, messages(NEXT + 1, count=1))
    assert run_build(settings, runner=judged).succeeded, (
        "the rows themselves are in order; only the expectation objects"
    )

    results = gate(settings)
    assert failed(results) == checks, [(r.name, r.message) for r in results if r.blocks]
    for result in (r for r in results if r.blocks):
        rows = result.details.get("sample rows") or []
        assert rows or batch is without_rows, f"{result.name} shows no row"
        assert "guest-" not in str(rows), "a person's id is shown"
        assert "device-" not in str(rows), "a person's id is shown"
        assert json.dumps(rows)
        assert SHOWN.get(batch, {}).get(result.name, "") in str(rows), (result.name, rows)
    with pytest.raises(AlmanacError, match="|".join(checks)):
        publish(settings, results)
    assert current(settings) == before
    status = read_status(settings)
    assert (status.succeeded, set(status.failed_checks)) == (False, checks)
    assert status.published_at is not None


def test_a_usual_batch_is_published(settings: Settings, dbt: WarmDbt) -> None:
    before = current(settings)
    land(settings, NEXT, messages(NEXT))
    land(settings, NEXT + 1, messages(NEXT + 1, count=1))
    assert run_build(settings, runner=dbt).succeeded
    assert publish(settings, gate(settings)).is_new
    assert current(settings) != before


def test_a_source_that_stopped_blocks_however_long_ago_that_was(settings: Settings, judged: WarmDbt) -> None:
    land(settings, NEXT + 30, messages(NEXT + 30), tenant="advisory")
    assert run_build(settings, runner=judged).succeeded
    results = expectations.run(settings)
    assert {(r.subject, r.name) for r in results if r.blocks} == {("rentals/web", "every_day_is_present")}


def test_a_source_that_never_sent_anything_warns_and_does_not_block(settings: Settings) -> None:
    results = [r for r in expectations.run(settings) if r.subject == "advisory/web"]
    assert [(r.name, r.severity) for r in results if not r.passed] == [("every_day_is_present", "warn")]
    assert not any(r.blocks for r in results)


def test_only_sources_with_an_expectation_are_judged(settings: Settings) -> None:
    expected = {f"{tenant}/web" for tenant in BUSINESSES if tenant != "community"}
    assert {r.subject for r in expectations.run(settings)} == expected


def test_judging_twice_says_the_same_and_writes_nothing(settings: Settings) -> None:
    def files() -> dict[str, tuple[int, int]]:
        found = {str(p): p.stat() for p in settings.home.rglob("*") if p.is_file()}
        return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}

    before = files()
    assert expectations.run(settings) == expectations.run(settings)
    assert files() == before


def test_nothing_is_judged_before_the_first_build(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    settings.warehouse.parent.mkdir(parents=True)
    duckdb.connect(str(settings.warehouse)).close()
    assert expectations.run(settings) == []
