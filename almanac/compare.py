"""Two warehouses compared, relation by relation and row by row."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

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
        for name, path in (("a", one), ("b", other)):
            quoted = str(path).replace("'", "''")
            con.execute(f"attach '{quoted}' as {name} (read_only)")
        a, b = relations(con, "a", without), relations(con, "b", without)
        found = {name: _rows(con, schema, name) for schema, name in a & b}
        found |= {name: (max(1, _count(con, f"from a.{schema}.{name}")), 0) for schema, name in a - b}
        found |= {name: (0, max(1, _count(con, f"from b.{schema}.{name}"))) for schema, name in b - a}
    return Comparison(dict(sorted(found.items())))


def relations(con: duckdb.DuckDBPyConnection, catalog: str, without: frozenset[str]) -> set[tuple[str, str]]:
    """Schema and name of every relation downstream of staging, but those in `without`."""
    rows = con.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ? and list_contains(?, schema_name)",
        [catalog, list(LAYERS)],
    ).fetchall()
    return {(schema, name) for schema, name in rows if name not in without}


def _rows(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> tuple[int, int]:
    def only_in(x: str, y: str) -> int:
        return _count(con, f"from {x}.{schema}.{name} except all from {y}.{schema}.{name}")

    return only_in("a", "b"), only_in("b", "a")


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(f"select count(*) from ({query})").fetchone()
    assert row is not None
    return int(row[0])
