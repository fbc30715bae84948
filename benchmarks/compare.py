"""Whether the hand-written SQL made what the models make: every mart and every KPI value, row by row."""

from pathlib import Path

import duckdb

LAYERS = ("marts", "kpis")
# Inputs and history of KPI values: nothing that a reader of numbers sees.
PRIVATE = ("kpi_measures", "kpi_periods", "kpi_history")


def differences(built: Path, by_hand: Path) -> tuple[int, dict[str, tuple[int, int]]]:
    """How many tables were compared, and those that differ: rows only by hand, and rows only of the models.

    Tables are compared by column name with `except all` in both directions; a table that one side lacks differs.
    """
    found = {}
    with duckdb.connect() as con:
        con.execute(f"attach '{built}' as build (read_only)")  # the name by which its views call it
        con.execute(f"attach '{by_hand}' as hand (read_only)")
        names = con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'build' "
            "and list_contains($layers, schema_name) and not list_contains($private, table_name) "
            # Of the views those that are written by hand, too: the others have no events in these lakes.
            "union select schema_name, view_name from duckdb_views() where database_name = 'build' "
            "and list_contains($layers, schema_name) and view_name in "
            "(select table_name from duckdb_tables() where database_name = 'hand') order by all",
            {"layers": list(LAYERS), "private": list(PRIVATE)},
        ).fetchall()
        for schema, name in names:
            counts = _counts(con, f"build.{schema}.{name}", f"hand.{name}")
            if counts != (0, 0):
                found[name] = counts
    return len(names), found


def _counts(con: duckdb.DuckDBPyConnection, model: str, table: str) -> tuple[int, int]:
    columns = ", ".join(f'"{row[0]}"' for row in con.execute(f"describe {model}").fetchall())
    try:
        own = f"(select {columns} from {table})"
        con.execute(f"select * from {own} limit 0")
    except duckdb.Error:
        return 0, _count(con, model)
    theirs = f"(select {columns} from {model})"
    return _count(con, f"({own} except all {theirs})"), _count(con, f"({theirs} except all {own})")


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = con.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return int(row[0])
