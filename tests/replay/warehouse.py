"""Reading what a build made: rows to compare with the reference, and which relations hold any."""

from pathlib import Path
from typing import Any

import duckdb

from almanac.compare import relations

ASIDE = "aside"  # source and user of the events that the plain reference does not know
MEASURED = ("fact_events", "fact_sessions", "fact_user_days", "fact_bookings")


def measured(warehouse: Path) -> dict[str, set[tuple[Any, ...]]]:
    """The same report as `reference.report`, read from a built warehouse."""
    queries = {
        "events": "select tenant, cast(message_id as varchar), cast(file_id as varchar), ingest_row "
        f"from marts.fact_events where source <> '{ASIDE}'",
        "sessions": "select tenant, person_id, cast(session_id as varchar), started_at, ended_at, session_date, "
        "channel, event_count, search_count, has_booking_after_search from marts.fact_sessions "
        f"where person_id <> '{ASIDE}'",
        "active users": "select tenant, active_date, count(distinct person_id) from marts.fact_user_days "
        f"where person_id <> '{ASIDE}' group by all",
        "bookings": "select tenant, booking_id, gross_amount, cancelled_amount, commission_amount "
        "from marts.fact_bookings",
        "profiles": "select tenant, user_id, valid_from, valid_to, plan, role from marts.dim_users_history "
        f"where user_id <> '{ASIDE}'",
    }
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = {name: con.execute(sql).fetchall() for name, sql in queries.items()}
    for name, found in rows.items():
        assert len(found) == len(set(found)), f"{name}: repeated rows"
    return {name: set(found) for name, found in rows.items()}


def row_counts(warehouse: Path) -> dict[str, int]:
    """The rows of each relation: a comparison of nothing with nothing would prove nothing."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return {name: _one(con, f"select count(*) from {schema}.{name}") for schema, name in relations(con)}


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row[0]
