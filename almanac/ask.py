"""The published version for people who ask it in SQL: `almanac query`, a notebook, a prompt.

A notebook begins with `from almanac.ask import connect`; `python -i -m almanac.ask` opens a prompt with the connection
`con`. Whoever has the DuckDB shell opens the file itself, read-only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from almanac import versions
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.tables import text_table


@dataclass(frozen=True)
class Answer:
    """What a query gave: the names of its columns, and its rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    @property
    def text(self) -> str:
        """The answer as a table; columns of numbers stand to the right, `-` is nothing."""
        numbers = [name for place, name in enumerate(self.columns) if _are_numbers([row[place] for row in self.rows])]
        return text_table(self.columns, self.rows, right=numbers)


def connect(settings: Settings | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the version that is published now; times are UTC. It stays on this version.

    Without `settings` the environment's installation is asked. Raises AlmanacError if nothing is published yet.
    """
    version = versions.current(settings or Settings.from_env())
    if version is None:
        raise AlmanacError("nothing is published yet: run `make demo`, or `almanac build`")
    with versions.hold(version):
        con = duckdb.connect(str(version.path), read_only=True)
    con.execute("set TimeZone = 'UTC'")
    return con


def ask(con: duckdb.DuckDBPyConnection, sql: str) -> Answer:
    """The answer to one query. Raises AlmanacError with the database's first line if it cannot be answered."""
    try:
        result = con.execute(sql)
        return Answer(tuple(column[0] for column in result.description or ()), result.fetchall())
    except duckdb.Error as error:
        first = next(filter(None, map(str.strip, str(error).splitlines())), "it gave no reason")
        raise AlmanacError(f"the query cannot be answered: {first}") from error


def tables(con: duckdb.DuckDBPyConnection) -> Answer:
    """Every published table and what its rows are: the first sentence of its description."""
    words = "regexp_extract(comment, '^[^.:]*')"
    return ask(
        con, f'select table_name as "table", {words} as holds from duckdb_tables() where not internal order by 1'
    )


def columns_of(con: duckdb.DuckDBPyConnection, table: str) -> Answer:
    """The columns of a published table with type and description. Raises AlmanacError if there is no such table."""
    found = con.execute(
        "select column_name, lower(data_type), comment from duckdb_columns() "
        "where not internal and table_name = ? order by column_index",
        [table],
    ).fetchall()
    if not found:
        raise AlmanacError(f"no table is called {table!r}; `almanac query` lists those that there are")
    return Answer(("column", "type", "description"), found)


def _are_numbers(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(one, int | float | Decimal) and not isinstance(one, bool) for one in known)


if __name__ == "__main__":
    import sys

    try:
        con = connect()
    except AlmanacError as error:
        sys.stderr.write(f"Error: {error}\n")
    else:
        sys.stdout.write('con.sql("show tables"), con.sql("from kpi_values limit 5"); Ctrl-D ends it\n')
