"""A version's tables hold what their sources hold, whatever the version before held."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac import version_tables
from almanac.version_tables import Source, bring, comment, has_many_holes

Row = tuple[str | None, int | None, float | None, list[int | None] | None]

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.sampled_from([0, 1, None]),
        st.sampled_from([0.1, -2.0, None]),
        st.sampled_from([[], [1], [None], None]),
    ),
    max_size=6,
)
# With these beside them, a few rows that differ are a small part of the table.
MANY: list[Row] = [("c", number, 0.5, [number]) for number in range(40)]
# How the rows of a table are told apart: by landing, or one by one.
BY_LANDING, BY_ROW = "file_id", "label"


def fill(con: duckdb.DuckDBPyConnection, name: str, first: str, rows: list[Row]) -> None:
    con.execute(f"create table {name} ({first} varchar, number integer, share double, parts integer[])")
    for row in rows:
        con.execute(f"insert into {name} values (?, ?, ?, ?)", row)


@contextmanager
def sides(first: str, before: list[Row], wanted: list[Row]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file that holds `before`, with a build attached that holds `wanted`."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as build")
        fill(con, "facts", first, before)
        fill(con, "build.facts", first, wanted)
        yield con


def missing_or_wrong(con: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Rows that one side has oftener than the other."""
    both = ("facts", "build.facts"), ("build.facts", "facts")
    return [row for a, b in both for row in con.execute(f"from {a} except all from {b}").fetchall()]


@given(first=st.sampled_from([BY_LANDING, BY_ROW]), before=ROWS, wanted=ROWS, many=st.booleans())
def test_a_table_holds_exactly_the_rows_of_its_source(
    first: str, before: list[Row], wanted: list[Row], many: bool
) -> None:
    unchanged = MANY if many else []
    with sides(first, unchanged + before, wanted + unchanged) as con:
        bring(con, {"facts": Source("build.facts")})
        assert missing_or_wrong(con) == []


@pytest.mark.parametrize("first", [BY_LANDING, BY_ROW])
def test_a_few_rows_that_differ_are_all_that_is_written(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, wanted = [*MANY, ("a", 1, 0.1, None)], [*MANY, ("a", 2, 0.1, None), ("b", 1, 0.1, None)]
    monkeypatch.setattr(version_tables, "_write_whole", None)
    with sides(first, before, wanted) as con:
        bring(con, {"facts": Source("build.facts")})
        assert missing_or_wrong(con) == []
        bring(con, {"facts": Source("build.facts", order="number")})  # nothing differs: not written again


def test_a_table_in_an_order_stays_in_it() -> None:
    with sides(BY_ROW, MANY, [("a", 20, 0.1, None), *MANY]) as con:
        bring(con, {"facts": Source("build.facts", order="number, label")})
        numbers = [number for (number,) in con.execute("select number from facts").fetchall()]
        assert numbers == sorted(numbers)
        assert missing_or_wrong(con) == []


def test_tables_whose_columns_changed_are_written_whole_and_others_go() -> None:
    with sides(BY_LANDING, MANY, MANY) as con:
        con.execute("alter table facts rename share to part")
        con.execute("create table published_no_more as select 1 as x")
        con.execute("create view build.new as select 1 as x")
        bring(con, {"facts": Source("build.facts"), "new": Source("build.new")})
        assert con.execute("describe facts").fetchall() == con.execute("describe build.facts").fetchall()
        assert con.execute("select table_name from duckdb_tables() where database_name = 'memory'").fetchall() == [
            ("facts",),
            ("new",),
        ]


def test_comments_are_those_of_this_version() -> None:
    with duckdb.connect() as con:
        con.execute("create table facts as select 1 as number, 2 as share")
        comment(con, {"facts": {"": "One row.", "number": "It's one.", "share": "Two."}})
        comment(con, {"facts": {"": "One row each.", "number": "It's one."}})
        said = con.execute("select column_name, comment from duckdb_columns() where table_name = 'facts'").fetchall()
        assert dict(said) == {"number": "It's one.", "share": None}
        assert con.execute("select comment from duckdb_tables()").fetchall() == [("One row each.",)]


def test_a_file_of_which_much_is_unused_is_known(tmp_path: Path) -> None:
    path = tmp_path / "version.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create table gone as select hash(i) as x from range(1_000_000) as t (i)")
        con.execute("create table kept as from gone")
    assert not has_many_holes(path)
    with duckdb.connect(str(path)) as con:
        con.execute("drop table gone")
    assert has_many_holes(path)
