"""Sources on Dagster's pages: which days of arrival have something, which have none, and what changed since."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.tracking_plan import load_plan
from orchestration.assets.sources import build_sources, days_of, source_key, tell_arrivals
from orchestration.instance import prepare_home
from tests.small_lake import FIRST_DAY, land_day

WEB = ("rentals", "web")
KEY = source_key(WEB)
LATER = datetime(2026, 3, 31, tzinfo=UTC)  # all days are over


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake with two days of arrival, and one between them without anything."""
    own = Settings.for_home(tmp_path / "home")
    land_day(own, FIRST_DAY)
    land_day(own, FIRST_DAY + timedelta(days=2), extra=[{"type": "track", "event": "search_performed"}])
    return own


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_home(settings))) as opened:
        yield opened


def tell(settings: Settings, instance: dg.DagsterInstance, now: datetime = LATER) -> int:
    return tell_arrivals(instance, [KEY], Lake.open(settings).entries(), now)


def newest(instance: dg.DagsterInstance, day: str) -> dict[str, object]:
    """What was last told of a day."""
    found = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=[day]), limit=1)
    [record] = found.records
    assert record.asset_materialization
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def test_each_day_is_told_once_and_one_without_arrivals_is_a_partition_that_is_missing(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    assert tell(settings, instance) == 2
    assert tell(settings, instance) == 0, "nothing has arrived since"
    days = instance.get_dynamic_partitions(str(days_of(WEB).name))
    assert days == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert instance.get_materialized_partitions(KEY) == {"2026-03-02", "2026-03-04"}
    assert newest(instance, "2026-03-04")["refused"] == 1
    events = [e for e in Lake.open(settings).entries("events") if "2026-03-02" in e.path]
    told = newest(instance, "2026-03-02")
    assert told["dagster/partition_row_count"] == sum(e.rows for e in events)
    assert told["newest arrival (UTC)"] == max(str(e.received_max) for e in events)


def test_a_day_that_changes_is_told_again_and_the_others_are_not(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    tell(settings, instance)
    before = newest(instance, "2026-03-02")
    land_day(settings, FIRST_DAY, tag="late")
    assert tell(settings, instance) == 1
    after = newest(instance, "2026-03-02")
    assert after["dagster/partition_row_count"] == 2 * int(str(before["dagster/partition_row_count"]))


def test_a_day_that_is_not_over_is_told_again_after_an_hour(settings: Settings, instance: dg.DagsterInstance) -> None:
    evening = datetime(2026, 3, 4, 20, 30, tzinfo=UTC)
    assert tell(settings, instance, evening) == 2
    land_day(settings, FIRST_DAY + timedelta(days=2), tag="late")
    assert tell(settings, instance, evening + timedelta(minutes=59)) == 0
    assert tell(settings, instance, evening + timedelta(minutes=60)) == 1
    land_day(settings, FIRST_DAY + timedelta(days=2), tag="later")
    assert tell(settings, instance, evening + timedelta(hours=4)) == 1, "the day is over"
    assert tell(settings, instance, evening + timedelta(hours=5)) == 0


def test_a_day_that_was_erased_says_that_nothing_is_left(settings: Settings, instance: dg.DagsterInstance) -> None:
    tell(settings, instance)
    entries = [e for e in Lake.open(settings).entries() if "2026-03-02" not in e.path]
    assert tell_arrivals(instance, [KEY], entries, LATER) == 1
    assert newest(instance, "2026-03-02")["newest arrival (UTC)"] == "nothing is left of this day"
    assert tell_arrivals(instance, [KEY], [e for e in entries if e.kind == "quarantine"], LATER) == 1
    assert tell_arrivals(instance, [KEY], [e for e in entries if e.kind == "quarantine"], LATER) == 0


def test_a_source_that_no_tenant_lists_is_told_nowhere(settings: Settings, instance: dg.DagsterInstance) -> None:
    assert tell_arrivals(instance, [], Lake.open(settings).entries(), LATER) == 0


def test_a_mapping_that_is_wrong_is_said_on_its_source_and_hides_no_other(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ingestion" / "sources" / "files"
    folder.mkdir(parents=True)
    (folder / "online_retail.yml").write_text("source: online_retail\n", encoding="utf-8")
    found = {spec.key: spec for spec in build_sources(load_plan(root), tmp_path)}
    assert "Cannot be read: ingestion/sources/files/online_retail.yml" in str(
        found[source_key(("online_retail", "online_retail"))].description
    )
    assert str(found[KEY].description).startswith(
        "Events that arrive at the collector, for Rentals. Expected every day."
    )
