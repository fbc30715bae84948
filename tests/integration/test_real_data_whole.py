"""The two large real data sets landed whole: the lake's events give the figures that others published of them."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.sources.file_source import FileSource

pytestmark = pytest.mark.deep


def landed(source: str, file: Path, home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over `events`, all that a file lands as; none of it may be quarantined."""
    settings = Settings.for_home(home)
    with FileSource.open(settings, source) as files:
        result = files.ingest_file(file)
    assert result.accepted == result.received
    lake = Lake.open(settings)
    paths = [lake.locate(entry.path) for entry in lake.entries("events")]
    events = "read_parquet($paths, union_by_name = true, hive_partitioning = false)"
    return duckdb.execute(f"with events as (from {events}) {sql}", {"paths": paths}).fetchall()


def test_all_bookings_of_the_hotels(data_folder: Path, tmp_path: Path) -> None:
    found = landed(
        "hotel_bookings",
        data_folder / "hotel_bookings" / "hotel_bookings.csv.gz",
        tmp_path,
        """
        select split_part(listing_id, '/', 1) as hotel,
            count(*) filter (where event = 'booking_confirmed') as bookings,
            count(*) filter (where event = 'booking_cancelled') as cancelled,
            sum(nights) filter (where event = 'booking_confirmed') as nights,
            sum(unit_price) filter (where event = 'booking_confirmed') as prices
        from events group by hotel order by hotel
        """,
    )
    assert [(hotel, bookings, round(100 * cancelled / bookings, 2)) for hotel, bookings, cancelled, *_ in found] == [
        ("City Hotel", 79_330, 41.73),
        ("Resort Hotel", 40_060, 27.76),
    ]
    assert round(100 * sum(row[2] for row in found) / 119_390, 2) == 37.04
    assert sum(row[3] for row in found) == 409_257
    assert round(float(sum(row[4] for row in found)) / 119_390, 3) == 101.831


def test_all_flights_from_new_york(data_folder: Path, tmp_path: Path) -> None:
    found = landed(
        "nycflights13",
        data_folder / "nycflights13" / "flights.parquet",
        tmp_path,
        """
        select count(distinct leg_id), count(*) filter (where status = 'cancelled'),
            round(avg(epoch(event_at - planned_at)) filter (where status = 'departed') / 60, 5)
        from events
        """,
    )
    assert found == [(336_776, 8_255, 12.63907)]
