"""A real data set through the file source: daily files of order lines, whose figures others have published.

The ordinary suite takes the files of two months and compares with a plain count of their lines; the deep one takes all
305 files and compares with the published figures too.
"""

import csv
import gzip
import io
from collections import Counter
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
MONTHS, YEAR = "two months", "all files"
BUILDS = {MONTHS: 3, YEAR: 10}


@dataclass(frozen=True)
class Figures:
    """What is known of some files before Almanac reads them."""

    files: int
    rows: int
    bookings: int
    cancelled: int
    net: Decimal
    cancelled_lines: int
    given_back: Decimal
    customers: int
    without_customer: int
    repeated: int


PUBLISHED = Figures(
    files=305,
    rows=541_909,
    bookings=25_900,
    cancelled=3_836,
    net=Decimal("9747747.934"),
    cancelled_lines=9_288,
    given_back=Decimal("896812.49"),
    customers=4_372,
    without_customer=135_080,
    repeated=5_268,
)


def counted(files: list[Path]) -> Figures:
    """The figures of these files, line by line with nothing of Almanac."""
    lines: Counter[tuple[str, ...]] = Counter()
    for file in files:
        text = gzip.decompress(file.read_bytes()).decode()
        lines.update(tuple(row.values()) for row in csv.DictReader(io.StringIO(text)))
    every = [(row, n) for row, n in lines.items()]
    amounts = [(row[0], n * Decimal(row[3]) * Decimal(row[5])) for row, n in every]
    invoices = {row[0] for row, _ in every}
    return Figures(
        files=len(files),
        rows=lines.total(),
        bookings=len(invoices),
        cancelled=sum(invoice.startswith("C") for invoice in invoices),
        net=sum((amount for _, amount in amounts), Decimal(0)),
        cancelled_lines=sum(n for row, n in every if row[0].startswith("C")),
        given_back=-sum((amount for invoice, amount in amounts if invoice.startswith("C")), Decimal(0)),
        customers=len({row[6] for row, _ in every if row[6]}),
        without_customer=sum(n for row, n in every if not row[6]),
        repeated=lines.total() - len(lines),
    )


@dataclass(frozen=True)
class Landed:
    """The data set, or a part of it, in a lake."""

    settings: Settings
    source: FileSource
    files: list[Path]
    ingested: Ingested
    dbt: WarmDbt
    builds: int
    figures: Figures

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `events`, read as any reader of the lake reads them."""
        lake = Lake.open(self.settings)
        paths = [lake.locate(entry.path) for entry in lake.entries("events")]
        events = "read_parquet($paths, union_by_name = true, hive_partitioning = false)"
        return duckdb.execute(f"with events as (from {events}) {sql}", {"paths": paths}).fetchall()


@pytest.fixture(scope="module", params=[MONTHS, pytest.param(YEAR, marks=pytest.mark.deep)])
def landed(
    request: pytest.FixtureRequest, data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Landed]:
    """Every file landed one by one, with builds on the way: what remembers grew in several steps."""
    settings = Settings.for_home(tmp_path_factory.mktemp("online_retail"))
    files = find_files([data_folder / "online_retail" / "by-day"])
    figures = PUBLISHED
    if request.param == MONTHS:
        files = [file for file in files if file.name < "2011-02"]
        figures = counted(files)
    every = len(files) // BUILDS[request.param]
    dbt, builds = WarmDbt(data_tests=False), 0
    results: list[FileResult] = []
    with FileSource.open(settings, "online_retail") as source:
        for n, file in enumerate(files, start=1):
            results.append(source.ingest_file(file))
            if n % every == 0 or n == len(files):
                whole = n == len(files)
                dbt.data_tests, dbt.for_models = whole, () if whole else dbt.remembering(settings)
                build = run_build(settings, runner=dbt)
                assert build.succeeded, [(node.name, node.message) for node in build.failed]
                builds += build.built
        assert builds >= BUILDS[request.param]
        yield Landed(settings, source, files, Ingested(tuple(results), ()), dbt, builds, figures)


@pytest.mark.deep
def test_the_plain_count_gives_the_published_figures(data_folder: Path) -> None:
    assert counted(find_files([data_folder / "online_retail" / "by-day"])) == PUBLISHED


def test_the_warehouse_grew_to_the_figures(landed: Landed) -> None:
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
    known = landed.figures
    assert events == [(known.rows,)]
    assert bookings == [(known.bookings, known.cancelled, known.net, known.rows)]
    assert gmv == [(grain, known.net) for grain in ("day", "month", "quarter", "week")]


def test_a_second_delivery_is_no_work_for_the_warehouse(landed: Landed) -> None:
    again = landed.source.ingest(landed.files[:3])
    assert not any(result.is_new for result in again.results)
    assert not run_build(landed.settings, runner=landed.dbt).built


def test_every_row_of_every_file_lands(landed: Landed) -> None:
    rows, files = landed.figures.rows, landed.figures.files
    assert landed.ingested.failures == ()
    assert len(landed.files) == files
    assert sum(result.received for result in landed.ingested.results) == rows
    assert sum(result.accepted for result in landed.ingested.results) == rows
    lake = Lake.open(landed.settings)
    assert len(lake.entries("counters")) == files
    assert lake.entries("quarantine") == []
    assert landed.query("select count(*), count(distinct message_id), count(distinct file_id) from events") == [
        (rows, rows, files)
    ]


def test_the_figures_of_the_lake(landed: Landed) -> None:
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
    known = landed.figures
    assert net == known.net
    assert (bookings, cancelled, lines) == (known.bookings, known.cancelled, known.cancelled_lines)
    assert given_back == known.given_back


def test_customers_are_users_and_missing_ones_are_nobody(landed: Landed) -> None:
    ((users, without, odd),) = landed.query(
        """
        select count(distinct user_id), count(*) filter (where user_id is null),
            count(*) filter (where not regexp_full_match(user_id, '[0-9]{5}'))
        from events
        """
    )
    assert (users, without, odd) == (landed.figures.customers, landed.figures.without_customer, 0)


def test_repeated_lines_are_all_kept(landed: Landed) -> None:
    ((repeated,),) = landed.query(
        """
        select sum(copies - 1) from (
            select count(*) as copies from events
            group by booking_id, listing_id, description, quantity, unit_price, event_at, user_id, country
        )
        """
    )
    assert repeated == landed.figures.repeated


def test_local_times_are_instants(landed: Landed) -> None:
    ((first, last, summer, quality),) = landed.query(
        """
        select min(event_at), max(event_at),
            min(event_at) filter (where event_at >= timestamp '2011-06-01 03:00:00'), max(time_quality)
        from events
        """
    )
    assert (first, quality) == (datetime(2010, 12, 1, 8, 26), "ok")
    if landed.figures == PUBLISHED:
        assert last == datetime(2011, 12, 9, 12, 50)
        assert summer == datetime(2011, 6, 1, 6, 37)  # 07:37 by London's summer clock


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
