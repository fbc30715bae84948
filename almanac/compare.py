"""Two warehouses compared, relation by relation and row by row."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

MADE_IN = "build"  # what a warehouse is called while it is built, whatever its file is called later
LAYERS = ("intermediate", "marts", "kpis")
# The first is rewritten by every run from what changed since the last one: it is no number. The other is what was
# published, and when: it grows with publications, not with builds.
UNCOMPARED = frozenset({"int_identity__changed_persons", "kpi_history"})


@dataclass(frozen=True)
class Comparison:
    """Rows that only one of two warehouses has, by relation: (in the first, in the second); equal ones have (0, 0)."""

    relations: dict[str, tuple[int, int]]

    @property
    def differing(self) -> dict[str, tuple[int, int]]:
        """The relations whose rows differ."""
        return {name: rows for name, rows in self.relations.items() if rows != (0, 0)}

    @property
    def rows(self) -> int:
        """How many rows differ in all."""
        return sum(a + b for a, b in self.relations.values())


def compare(one: Path, other: Path, *, without: frozenset[str] = UNCOMPARED) -> Comparison:
    """Compare every relation downstream of staging in two DuckDB files (`except all` both ways).

    A relation that only one of them has counts with all its rows, and at least one.
    """
    with duckdb.connect() as con:
        a, b = _opened(con, "a", one, without), _opened(con, "b", other, without)
        found = {name: _rows(con, a[schema, name], b[schema, name]) for schema, name in a.keys() & b.keys()}
        found |= {key[1]: (max(1, _count(con, f"from {a[key]}")), 0) for key in a.keys() - b.keys()}
        found |= {key[1]: (0, max(1, _count(con, f"from {b[key]}"))) for key in b.keys() - a.keys()}
    return Comparison(dict(sorted(found.items())))


def relations(con: duckdb.DuckDBPyConnection, without: frozenset[str] = UNCOMPARED) -> dict[tuple[str, str], bool]:
    """Schema and name of every relation downstream of staging of an open warehouse but those in `without`: a view?"""
    rows = con.execute(
        """
        select schema_name, table_name, false from duckdb_tables() where list_contains($1, schema_name)
        union all
        select schema_name, view_name, true from duckdb_views() where list_contains($1, schema_name)
        """,
        [list(LAYERS)],
    ).fetchall()
    return {(schema, name): is_view for schema, name, is_view in rows if name not in without}


def _opened(
    con: duckdb.DuckDBPyConnection, side: str, path: Path, without: frozenset[str]
) -> dict[tuple[str, str], str]:
    """Open a warehouse in `con`; what to read each of its relations by."""
    quoted = str(path).replace("'", "''")
    con.execute(f"attach '{quoted}' as {side} (read_only)")
    places = {}
    # A view names the database in which it was made, so it can only be read where the file is open by that name.
    with duckdb.connect() as own:
        own.execute(f"attach '{quoted}' as {MADE_IN} (read_only)")
        own.execute(f"use {MADE_IN}")
        for (schema, name), is_view in relations(own, without).items():
            places[schema, name] = f"{side}_{schema}_{name}" if is_view else f"{side}.{schema}.{name}"
            if is_view:
                con.register(places[schema, name], own.execute(f"from {schema}.{name}").to_arrow_table())
    return places


def _rows(con: duckdb.DuckDBPyConnection, a: str, b: str) -> tuple[int, int]:
    return _count(con, f"from {a} except all from {b}"), _count(con, f"from {b} except all from {a}")


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(f"select count(*) from ({query})").fetchone()
    assert row is not None
    return int(row[0])
