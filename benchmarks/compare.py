"""Whether the hand-written SQL made what the models make: every mart and every KPI value, row by row."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

LAYERS = ("marts", "kpis")
# Inputs and history of KPI values, and by what they are made anew: nothing that a reader of numbers sees.
PRIVATE = ("kpi_daily_measures", "kpi_measures", "kpi_periods", "kpi_history", "mv_daily_booked")

AT_ONCE = 5_000_000  # rows: fifty million at one time took all memory and fifty gigabytes of disk


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
    columns = [str(row[0]) for row in con.execute(f"describe {model}").fetchall()]
    listed = ", ".join(f'"{column}"' for column in columns)
    try:
        con.execute(f"select {listed} from {table} limit 0")
    except duckdb.Error:
        return 0, _count(con, model)
    only_by_hand = only_of_models = 0
    for part in _parts(columns, _count(con, model)):
        theirs, ours = (f"(select {listed} from {relation} {part})" for relation in (table, model))
        only_by_hand += _count(con, f"({theirs} except all {ours})")
        only_of_models += _count(con, f"({ours} except all {theirs})")
    return only_by_hand, only_of_models


def _parts(columns: Sequence[str], rows: int) -> list[str]:
    """Conditions by which a table too large for memory is compared in parts; equal rows are in one part.

    Ids are compared as text, because a hash tells an id from the same one of another type.
    """
    ids = ", ".join(f'cast("{column}" as varchar)' for column in columns if column.endswith("_id"))
    count = rows // AT_ONCE + 1 if ids else 1
    return [f"where hash({ids}) % {count} = {part}" for part in range(count)] if count > 1 else [""]


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = con.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return int(row[0])
