"""A real data set through the file source: 305 daily files of order lines, whose figures others have published."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.sources.file_source import FileResult, FileSource, Ingested
from ingestion.sources.readers import find_files

pytestmark = pytest.mark.xdist_group("online_retail")  # one worker lands it, once
ROWS, FILES = 541_909, 305
BUILD_EVERY = 31


@dataclass(frozen=True)
class Landed:
    """The whole data set in a lake."""

    settings: Settings
    source: FileSource
    files: list[Path]
    ingested: Ingested
    dbt: WarmDbt
    builds: int

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `events`, read as any reader of the lake reads them."""
        lake = Lake.open(self.settings)
        paths = [lake.locate(entry.path) for entry in lake.entries("events")]
        events = "read_parquet($paths, union_by_name = true, hive_partitioning = false)"
        return duckdb.execute(f"with events as (from {events}) {sql}", {"paths": paths}).fetchall()


@pytest.fixture(scope="module")
def landed(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    """Every file landed one by one, with a build after every 31st: what remembers grew in ten steps."""
    settings = Settings.for_home(tmp_path_factory.mktemp("online_retail"))
    files = find_files([data_folder / "online_retail" / "by-day"])
    dbt, builds = WarmDbt(data_tests=False), 0
    results: list[FileResult] = []
    with FileSource.open(settings, "online_retail") as source:
        for n, file in enumerate(files, start=1):
            results.append(source.ingest_file(file))
            if n % BUILD_EVERY == 0 or n == len(files):
                whole = n == len(files)
                dbt.data_tests, dbt.for_models = whole, () if whole else dbt.remembering(settings)
                build = run_build(settings, runner=dbt)
                assert build.succeeded, [(node.name, node.message) for node in build.failed]
                builds += build.built
        yield Landed(settings, source, files, Ingested(tuple(results), ()), dbt, builds)


def test_the_warehouse_grew_in_ten_builds_to_the_published_figures(landed: Landed) -> None:
    assert landed.builds >= 10
    with duckdb.connect(str(landed.settings.warehouse), read_only=True) as con:
        events = con.execute("select count(*) from marts.fact_events").fetchall()
        bookings = con.execute(
            "select count(*), count(*) filter (where is_cancelled), sum(net_amount), sum(line_count) "
            "from marts.fact_bookings"
        ).fetchall()
        gmv = con.execute(
            "select time_grain, sum(numerator) from kpis.kpi_values where kpi = 'gmv' and dimension = 'all' "
            "group by 1 order by 1"
        ).fetchall()
    assert events == [(ROWS,)]
    assert bookings == [(25_900, 3_836, Decimal("9747747.9340"), ROWS)]
    assert gmv == [(grain, Decimal("9747747.9340")) for grain in ("day", "month", "quarter", "week")]


def test_a_second_delivery_is_no_work_for_the_warehouse(landed: Landed) -> None:
    again = landed.source.ingest(landed.files[:3])
    assert not any(result.is_new for result in again.results)
    assert not run_build(landed.settings, runner=landed.dbt).built


def test_every_row_of_every_file_lands(landed: Landed) -> None:
    assert landed.ingested.failures == ()
    assert len(landed.files) == FILES
    assert sum(result.received for result in landed.ingested.results) == ROWS
    assert sum(result.accepted for result in landed.ingested.results) == ROWS
    lake = Lake.open(landed.settings)
    assert len(lake.entries("counters")) == FILES
    assert lake.entries("quarantine") == []
    assert landed.query("select count(*), count(distinct message_id), count(distinct file_id) from events") == [
        (ROWS, ROWS, FILES)
    ]


def test_the_published_figures_come_out(landed: Landed) -> None:
    ((net, bookings, cancelled, lines, given_back),) = landed.query(
        """
        select
            sum(case event when 'booking_confirmed' then amount else -amount end),
            count(distinct booking_id),
            count(distinct booking_id) filter (where event = 'booking_cancelled'),
            count(*) filter (where event = 'booking_cancelled'),
            sum(amount) filter (where event = 'booking_cancelled')
        from events
        """
    )
    assert net == Decimal("9747747.934")
    assert (bookings, cancelled, lines) == (25_900, 3_836, 9_288)
    assert given_back == Decimal("896812.49")


def test_customers_are_users_and_missing_ones_are_nobody(landed: Landed) -> None:
    ((users, without, odd),) = landed.query(
        """
        select count(distinct user_id), count(*) filter (where user_id is null),
            count(*) filter (where not regexp_full_match(user_id, '[0-9]{5}'))
        from events
        """
    )
    assert (users, without, odd) == (4_372, 135_080, 0)


def test_repeated_lines_are_all_kept(landed: Landed) -> None:
    ((repeated,),) = landed.query(
        """
        select sum(copies - 1) from (
            select count(*) as copies from events
            group by booking_id, listing_id, description, quantity, unit_price, event_at, user_id, country
        )
        """
    )
    assert repeated == 5_268


def test_local_times_are_instants(landed: Landed) -> None:
    ((first, last, summer, quality),) = landed.query(
        """
        select min(event_at), max(event_at),
            min(event_at) filter (where event_at >= timestamp '2011-06-01 03:00:00'), max(time_quality)
        from events
        """
    )
    assert (first, last) == (datetime(2010, 12, 1, 8, 26), datetime(2011, 12, 9, 12, 50))
    assert summer == datetime(2011, 6, 1, 6, 37)  # 07:37 by London's summer clock
    assert quality == "ok"


def test_a_second_delivery_changes_nothing(landed: Landed, tmp_path: Path) -> None:
    before = Lake.open(landed.settings).entries()
    renamed = tmp_path / "again.csv"
    renamed.write_bytes(gzip.decompress(landed.files[0].read_bytes()))
    packed = tmp_path / "again.csv.gz"
    packed.write_bytes(gzip.compress(renamed.read_bytes(), compresslevel=1))
    for path in (landed.files[0], renamed, packed):
        for later in (timedelta(0), timedelta(days=3)):
            assert not landed.source.ingest_file(path, datetime.now(UTC) + later).is_new
    with FileSource.open(landed.settings, "online_retail") as anew:
        assert not any(result.is_new for result in anew.ingest([renamed, packed, *landed.files[:20]]).results)
    assert Lake.open(landed.settings).entries() == before
