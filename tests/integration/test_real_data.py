"""Real data sets through their mappings: facts and KPIs give figures that others published, or that are computed here
from the raw files without anything of the product.

Where a set is large, a part of it lands: every n-th row, so that all of its time and all of its kinds are in it.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from ingestion.sources.file_source import FileResult, FileSource

pytestmark = pytest.mark.xdist_group("real_data")  # one worker lands all, once
HOTEL_EVERY, FLIGHT_EVERY = 12, 40


@dataclass(frozen=True)
class Landed:
    """All sets in one warehouse, and the files that landed."""

    files: dict[str, Path]
    results: dict[str, FileResult]
    con: duckdb.DuckDBPyConnection

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        return self.con.execute(sql, parameters).fetchall()

    def raw(self, name: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `raw`, the set's file as DuckDB reads it, every column as text unless it is Parquet."""
        path = self.files[name]
        reader = "read_parquet(?)" if path.suffix == ".parquet" else "read_csv(?, all_varchar = true, quote = '\"')"
        return duckdb.execute(f"with raw as (from {reader}) {sql}", [str(path)]).fetchall()

    def kpi(self, tenant: str, kpi: str, grain: str = "month", dimension: str = "all") -> list[tuple[Any, ...]]:
        """Each period (or value of a dimension) in which a KPI has something, with its numerator."""
        return self.query(
            "select period_start, dimension_value, numerator, denominator from kpis.kpi_values "
            "where tenant = ? and kpi = ? and time_grain = ? and dimension = ? order by all",
            tenant,
            kpi,
            grain,
            dimension,
        )


def every(path: Path, step: int, target: Path) -> Path:
    """The header and each `step`-th row of a gzipped CSV file without line ends inside of its values."""
    header, *rows = gzip.decompress(path.read_bytes()).decode().splitlines()
    target.write_text("\n".join([header, *rows[::step]]) + "\n")
    return target


def every_of_parquet(path: Path, step: int, target: Path) -> Path:
    """Each `step`-th row of a Parquet file."""
    numbered = f"select *, row_number() over () as number from '{path}'"
    duckdb.execute(f"copy (select * exclude (number) from ({numbered}) where number % {step} = 0) to '{target}'")
    return target


def parts(data: Path, folder: Path) -> dict[str, Path]:
    """The file that lands of each set, by the name of its source."""
    return {
        "hotel_bookings": every(
            data / "hotel_bookings" / "hotel_bookings.csv.gz", HOTEL_EVERY, folder / "hotel_bookings.csv"
        ),
        "sakila_rental": data / "sakila_rental" / "payment.csv.gz",
        "lendingclub_loans": data / "lendingclub_loans.parquet",
        "telco_churn": data / "telco_churn" / "Telco-Customer-Churn.csv.gz",
        "nycflights13": every_of_parquet(
            data / "nycflights13" / "flights.parquet", FLIGHT_EVERY, folder / "flights.parquet"
        ),
        "airbnb_singapore": data / "airbnb_singapore" / "listings.csv.gz",
    }


@pytest.fixture(scope="module")
def landed(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    """Every set landed by its mapping and built in one run."""
    settings = Settings.for_home(tmp_path_factory.mktemp("real_data"))
    files = parts(data_folder, tmp_path_factory.mktemp("parts"))
    results = {}
    for name, path in files.items():
        with FileSource.open(settings, name) as source:
            results[name] = source.ingest_file(path)
    built = run_build(
        settings, runner=WarmDbt(data_tests=False, for_models=["kpi_values", "fact_bookings", "dim_listings"])
    )
    assert built.succeeded, [(node.name, node.message) for node in built.failed]
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        yield Landed(files, results, con)


def test_every_row_is_accepted(landed: Landed) -> None:
    for name, result in landed.results.items():
        ((rows,),) = landed.raw(name, "select count(*) from raw")
        assert result.received >= rows, name
        assert (result.accepted, result.quarantined) == (result.received, 0), name


# A booking of a hotel, with nothing but what its row says.
STAYS = """
select
    cast(strptime(arrival_date_day_of_month || arrival_date_month || arrival_date_year, '%d%B%Y') as date)
        - cast(lead_time as integer) as booked_on,
    (cast(stays_in_weekend_nights as integer) + cast(stays_in_week_nights as integer))
        * cast(adr as decimal(18, 4)) as amount,
    cast(strptime(reservation_status_date, '%m/%d/%Y') as date) as ended_on,
    is_canceled = '1' as is_cancelled
from raw
"""


def test_hotel_bookings_are_counted_in_the_month_in_which_they_were_made(landed: Landed) -> None:
    expected = landed.raw(
        "hotel_bookings", f"select date_trunc('month', booked_on)::date, count(*) from ({STAYS}) group by 1 order by 1"
    )
    found = landed.kpi("hotel_bookings", "bookings")
    assert len(expected) > 24
    assert [(period, count) for period, _, count, _ in found if count] == expected


def test_hotel_gmv_gives_up_what_is_cancelled_in_the_month_of_the_cancellation(landed: Landed) -> None:
    expected = landed.raw(
        "hotel_bookings",
        f"""
        select date_trunc('month', day)::date, sum(amount) from (
            select booked_on as day, amount from ({STAYS})
            union all
            select ended_on, -amount from ({STAYS}) where is_cancelled
        )
        group by 1 order by 1
        """,
    )
    found = landed.kpi("hotel_bookings", "gmv")
    assert [(period, amount) for period, _, amount, _ in found] == expected


def test_hotel_bookings_know_their_end(landed: Landed) -> None:
    expected = landed.raw(
        "hotel_bookings",
        f"""
        select count(*), count(*) filter (where is_cancelled), sum(amount),
            sum(amount) filter (where not is_cancelled) from ({STAYS})
        """,
    )
    found = landed.query(
        "select count(*), count(*) filter (where is_cancelled), sum(gross_amount), sum(net_amount) "
        "from marts.fact_bookings where tenant = 'hotel_bookings'"
    )
    assert found == expected
    assert round(100 * found[0][1] / found[0][0]) == 37  # published of the whole set: 37.04 %
    assert landed.results["hotel_bookings"].received == sum(found[0][:2])


def test_sakila_payments_give_the_published_sum(landed: Landed) -> None:
    found = landed.kpi("sakila_rental", "payments_received")
    assert sum(amount for _, _, amount, _ in found) == Decimal("67416.51")
    expected = landed.raw(
        "sakila_rental",
        "select date_trunc('month', payment_date::timestamp)::date, sum(amount::decimal(18, 4)) from raw "
        "group by 1 order by 1",
    )
    assert [(period, amount) for period, _, amount, _ in found if amount] == expected
    tills = landed.raw(
        "sakila_rental", "select 'till ' || staff_id, sum(amount::decimal(18, 4)) from raw group by 1 order by 1"
    )
    by_till: dict[str, Decimal] = {}
    for _, till, amount, _ in landed.kpi("sakila_rental", "payments_received", dimension="provider"):
        by_till[till] = by_till.get(till, Decimal(0)) + amount
    assert sorted(by_till.items()) == tills
    assert landed.query(
        "select count(*), count(distinct user_id) from marts.fact_payments where tenant = ?", "sakila_rental"
    ) == [(16_049, 599)]


def test_loans_give_the_published_sum(landed: Landed) -> None:
    disbursed = [
        (period, amount) for period, _, amount, _ in landed.kpi("lendingclub_loans", "loans_disbursed") if amount
    ]
    assert sum(amount for _, amount in disbursed) == 163_619_225
    assert disbursed == landed.raw(
        "lendingclub_loans",
        "select strptime(issue_month, '%b-%Y')::date, sum(loan_amount) from raw group by 1 order by 1",
    )


def test_loans_that_are_out_are_their_balances_without_what_was_written_off(landed: Landed) -> None:
    ((principal, interest, balance),) = landed.raw(
        "lendingclub_loans",
        """
        select sum(paid_principal::decimal(18, 2)), sum(paid_interest::decimal(18, 2)),
            sum(balance::decimal(18, 2)) filter (where loan_status <> 'Charged Off')
        from raw
        """,
    )
    tenant = "lendingclub_loans"
    assert sum(amount for _, _, amount, _ in landed.kpi(tenant, "loan_principal_repaid")) == principal
    assert sum(amount for _, _, amount, _ in landed.kpi(tenant, "loan_interest")) == interest
    assert landed.kpi(tenant, "loans_outstanding")[-1][2] == balance
    states = landed.query(
        "select status, count(*) from marts.fact_loan_movements where tenant = ? group by 1 order by 1", tenant
    )
    assert states == [("disbursed", 10_000), ("paid", 9_985), ("repaid", 447), ("written_off", 7)]


def test_subscriptions_give_the_published_revenue_and_churn(landed: Landed) -> None:
    tenant = "telco_churn"
    ((stayed, lost),) = landed.raw(
        tenant,
        """
        select sum("MonthlyCharges"::decimal(18, 4)) filter (where "Churn" = 'No'),
            sum("MonthlyCharges"::decimal(18, 4)) filter (where "Churn" = 'Yes')
        from raw
        """,
    )
    assert stayed + lost == Decimal("456116.60")
    assert sum(amount for _, _, amount, _ in landed.kpi(tenant, "lost_mrr")) == lost
    assert sum(amount for _, _, amount, _ in landed.kpi(tenant, "net_new_mrr")) == stayed
    mrr = {period: amount for period, _, amount, _ in landed.kpi(tenant, "mrr")}
    assert mrr[date(2018, 10, 1)] == stayed
    # The month before had all of them but those whose contract begins on the day of the file.
    ((began_later,),) = landed.raw(
        tenant, """select sum("MonthlyCharges"::decimal(18, 4)) from raw where tenure::integer = 0"""
    )
    assert mrr[date(2018, 9, 1)] == Decimal("456116.60") - began_later
    ((new, churned),) = landed.query(
        "select count(*) filter (where movement = 'new'), count(*) filter (where movement = 'churn') "
        "from marts.fact_subscription_movements where tenant = ?",
        tenant,
    )
    assert (new, churned, round(100 * churned / new, 3)) == (7_043, 1_869, 26.537)


def test_flights_in_time_are_those_that_the_file_calls_at_most_15_minutes_late(landed: Landed) -> None:
    tenant = "nycflights13"
    expected = landed.raw(
        tenant,
        """
        select origin, count(*) filter (where dep_delay <= 15), count(dep_time)
        from raw group by 1 order by 1
        """,
    )
    found: dict[str, list[int]] = {}
    for _, origin, in_time, departed in landed.kpi(tenant, "on_time_departure_rate", dimension="origin"):
        both = found.setdefault(origin, [0, 0])
        both[0], both[1] = both[0] + in_time, both[1] + departed
    assert [(origin, *found[origin]) for origin in sorted(found)] == expected
    assert [origin for origin, *_ in expected] == ["EWR", "JFK", "LGA"]


def test_flights_that_were_called_off_count_on_the_day_of_their_plan(landed: Landed) -> None:
    expected = landed.raw(
        "nycflights13",
        "select make_date(year, month, 1), count(*) - count(dep_time), count(*) from raw group by 1 order by 1",
    )
    found = landed.kpi("nycflights13", "transport_cancellation_rate")
    assert len(expected) == 12
    assert [(period, cancelled, planned) for period, _, cancelled, planned in found if planned] == expected


def test_listings_have_their_kind_and_their_place(landed: Landed) -> None:
    expected = landed.raw(
        "airbnb_singapore",
        "select room_type, neighbourhood_cleansed, count(*) from raw group by all order by all",
    )
    found = landed.query(
        "select category, city, count(*) from marts.dim_listings where tenant = ? group by all order by all",
        "airbnb_singapore",
    )
    assert found == expected
    assert sum(count for _, _, count in found) == 3_483
