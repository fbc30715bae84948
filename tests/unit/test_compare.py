"""Two warehouses are compared row by row, also where one lacks a relation."""

from pathlib import Path

import duckdb
import pytest

from almanac.compare import compare


def warehouse(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as con:
        for schema in ("staging", "marts", "kpis"):
            con.execute(f"create schema {schema}")
        for statement in statements:
            con.execute(statement)
    return path


ROWS = "create table marts.t as select * from (values (1, 'a'), (1, 'a'), (2, null)) as v(n, x)"


@pytest.mark.parametrize(
    ("other", "differing", "rows"),
    [
        ((ROWS,), {}, 0),
        ((ROWS, "insert into marts.t values (2, null)"), {"t": (0, 1)}, 1),
        (("create table marts.t as select 1 as n, 'a' as x", "insert into marts.t values (3, 'c')"), {"t": (2, 1)}, 3),
        ((), {"t": (3, 0)}, 3),
        ((ROWS, "create table kpis.more (n int)"), {"more": (0, 1)}, 1),
        ((ROWS, "create table staging.more (n int)", "create table kpis.kpi_history (n int)"), {}, 0),
    ],
)
def test_what_only_one_of_them_has_is_counted(
    tmp_path: Path, other: tuple[str, ...], differing: dict[str, tuple[int, int]], rows: int
) -> None:
    found = compare(warehouse(tmp_path / "it's one.duckdb", ROWS), warehouse(tmp_path / "b.duckdb", *other))
    assert (found.differing, found.rows) == (differing, rows)
    assert "t" in found.relations
