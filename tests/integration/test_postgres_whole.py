"""A million events and more give the same rows on PostgreSQL as on DuckDB, in every mart and KPI."""

from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import psycopg2
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from ingestion.simulator.run import simulate
from ingestion.simulator.tenants import BUSINESSES
from tests.postgres import database

pytestmark = pytest.mark.deep

EVENTS = 1_000_000
USERS = {"rentals": 4_600, "advisory": 1_000, "community": 2_000, "equipment": 1_400, "travel": 1_700}
LAYERS = ("intermediate", "marts", "kpis")
EXCEPTED = ("int_identity__changed_persons", "kpi_history")  # of the last run alone; of publications
# Each engine's own hash, compared with that of an earlier build alone.
OWN = {("kpi_periods", "content"), ("mv_daily_booked", "content")}
RELATIVE = 1e-9


def test_every_relation_of_a_million_events_is_equal_on_both_engines(tmp_path: Path, postgres_dsn: str) -> None:
    settings = Settings.for_home(tmp_path / "home")
    for tenant in BUSINESSES:
        simulate(settings, tenant, users=USERS[tenant], days=75, last_day=date(2026, 11, 20), is_whole=True)
    _build(settings)
    with database(postgres_dsn) as dsn:
        _build(replace(settings.with_target("postgres"), postgres_dsn=dsn))
        with duckdb.connect(str(settings.warehouse)) as con, closing(psycopg2.connect(dsn)) as postgres:
            counted = con.execute("select count(*) from marts.fact_events").fetchone()
            assert counted
            assert counted[0] >= EVENTS
            compared = {
                f"{schema}.{name}": _differences(con, postgres, schema, name, tmp_path / "rows.csv")
                for schema, name in con.execute(
                    "select table_schema, table_name from information_schema.tables "
                    "where list_contains($layers, table_schema) and not list_contains($excepted, table_name)",
                    {"layers": list(LAYERS), "excepted": list(EXCEPTED)},
                ).fetchall()
            }
    assert {name: found for name, found in compared.items() if found} == {}
    assert len(compared) > 60


def _build(settings: Settings) -> None:
    result = run_build(settings, runner=WarmDbt(data_tests=False), full_refresh=True)
    assert result.succeeded, (result.error, [(n.name, n.message) for n in result.failed])


def _differences(
    con: duckdb.DuckDBPyConnection, postgres: psycopg2.extensions.connection, schema: str, name: str, rows: Path
) -> str:
    """What differs between a table or view here and the one of that name there, in words; empty if nothing does.

    Everything is compared exactly but floating-point numbers, of which the sums may be close.
    """
    columns = [row for row in con.execute(f"describe {schema}.{name}").fetchall() if (name, row[0]) not in OWN]
    floats = [column for column, kind, *_ in columns if kind == "DOUBLE"]
    exact = [f'"{column}"' for column, kind, *_ in columns if kind != "DOUBLE"]
    lists = {f'"{column}"' for column, kind, *_ in columns if kind.endswith("[]")}
    listed = ", ".join([*(f"to_json({c})" if c in lists else c for c in exact), *(f'"{column}"' for column in floats)])
    with rows.open("w", encoding="utf-8") as file, postgres.cursor() as cursor:
        cursor.copy_expert(
            f"copy (select {listed} from {schema}.{name}) to stdout (format csv, null '\\N', force_quote *)", file
        )
    types = {column: kind for column, kind, *_ in columns}
    order = [column.strip('"') for column in [*exact, *floats]]
    spec = ", ".join(f"'{column}': '{types[column]}'" for column in order)
    con.execute(
        f"create or replace temp table theirs as from read_csv('{rows}', header = false, nullstr = '\\N', "
        f"columns = {{{spec}}}, quote = '\"', escape = '\"', auto_detect = false, max_line_size = 10000000)"
    )
    keys = ", ".join(exact)
    own, others = f"select {keys} from {schema}.{name}", f"select {keys} from theirs"
    counts = [
        con.execute(f"select count(*) from ({one} except all {other})").fetchone()
        for one, other in ((own, others), (others, own))
    ]
    if any(count and count[0] for count in counts):
        return f"{counts[0]} rows only on DuckDB, {counts[1]} only on PostgreSQL"
    for column in floats:
        far = con.execute(
            f"select abs(a.n - b.n) > {RELATIVE} * greatest(abs(a.n), 1e-6) or a.c <> b.c "
            f'from (select sum("{column}") as n, count("{column}") as c from {schema}.{name}) as a, '
            f'(select sum("{column}") as n, count("{column}") as c from theirs) as b'
        ).fetchone()
        if far and far[0]:
            return f"{column}: the sums are not close"
    return ""
