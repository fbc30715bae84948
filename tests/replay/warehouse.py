"""Reading what a build made: rows to compare with the reference, and two warehouses compared relation by relation."""

from pathlib import Path
from typing import Any

import duckdb

# Rewritten by every run from what changed since the last one; it is no number.
EXCEPTED = {"int_identity__changed_persons", "kpi_history"}
LAYERS = ("intermediate", "marts", "kpis")


def measured(warehouse: Path) -> dict[str, set[tuple[Any, ...]]]:
    """The same report as `reference.report`, read from a built warehouse."""
    queries = {
        "events": "select tenant, cast(message_id as varchar), cast(file_id as varchar), ingest_row "
        "from marts.fact_events",
        "sessions": "select tenant, person_id, cast(session_id as varchar), started_at, ended_at, session_date, "
        "channel, event_count, search_count, has_booking_after_search from marts.fact_sessions",
        "active users": "select tenant, active_date, count(distinct person_id) from marts.fact_user_days group by all",
        "bookings": "select tenant, booking_id, gross_amount, cancelled_amount, commission_amount "
        "from marts.fact_bookings",
    }
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = {name: con.execute(sql).fetchall() for name, sql in queries.items()}
    for name, found in rows.items():
        assert len(found) == len(set(found)), f"{name}: repeated rows"
    return {name: set(found) for name, found in rows.items()}


def differences(one: Path, other: Path) -> dict[str, tuple[int, int]]:
    """Relations whose rows differ, with the rows only in `one` and only in `other` (`except all` both ways)."""
    found = {}
    with duckdb.connect() as con:
        con.execute(f"attach '{one}' as a (read_only)")
        con.execute(f"attach '{other}' as b (read_only)")
        for schema, name in relations(con, "a") | relations(con, "b"):
            counts = tuple(
                _one(con, f"select count(*) from (from {x}.{schema}.{name} except all from {y}.{schema}.{name})")
                for x, y in (("a", "b"), ("b", "a"))
            )
            if counts != (0, 0):
                found[name] = counts
    return found


def relations(con: duckdb.DuckDBPyConnection, catalog: str) -> set[tuple[str, str]]:
    """Every relation downstream of staging that must be the same after a replay."""
    rows = con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ? and list_contains(?, schema_name)",
        [catalog, list(LAYERS)],
    ).fetchall()
    return {(schema, name) for schema, name in rows if name not in EXCEPTED}


def empty_relations(warehouse: Path) -> set[str]:
    """Relations without a row: a comparison of nothing with nothing would prove nothing."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        catalog = _one(con, "select current_database()")
        return {
            name for schema, name in relations(con, catalog) if not _one(con, f"select count(*) from {schema}.{name}")
        }


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row[0]
