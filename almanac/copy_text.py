"""Rows that DuckDB reads, in the text format of PostgreSQL's COPY.

DuckDB writes the lines: a Python object for every value of sixty columns would take minutes per million rows.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

CHUNK_ROWS = 20_000


def copy(
    cursor: Any,
    table: str,
    columns: Sequence[tuple[str, str]],
    con: duckdb.DuckDBPyConnection,
    rows: str,
    parameters: Sequence[Any] = (),
    *,
    options: str = "",
) -> int:
    """Append rows to a PostgreSQL table through a psycopg2 cursor, and return how many.

    `columns` are names and lower-case types of what `rows` (a `from` clause for DuckDB, with what follows it) holds;
    `options` stand behind `copy ... from stdin`. Times are written in the zone of `con`.
    """
    names, copied = ", ".join(f'"{name}"' for name, _ in columns), 0
    for lines in _lines(con, columns, rows, parameters):
        cursor.copy_expert(f"copy {table} ({names}) from stdin {options}", io.StringIO(lines))
        copied += int(cursor.rowcount)
    return copied


def _lines(
    con: duckdb.DuckDBPyConnection, columns: Sequence[tuple[str, str]], rows: str, parameters: Sequence[Any]
) -> Iterator[str]:
    """The lines, some thousand at a time."""
    fields = ", ".join(_field(name, type_) for name, type_ in columns)
    con.execute(f"select concat_ws(chr(9), {fields}) || chr(10) {rows}", list(parameters))
    while chunk := con.fetchmany(CHUNK_ROWS):
        yield "".join(line for (line,) in chunk)


def _field(name: str, type_: str) -> str:
    """A column as a field of COPY's text format: its control characters escaped, null as `\\N`."""
    text = f'cast("{name}" as varchar)'
    if type_ in ("varchar", "json"):
        text = f"replace({text}, '\\', '\\\\')"
        for code, escaped in ((9, "\\t"), (10, "\\n"), (13, "\\r")):
            text = f"replace({text}, chr({code}), '{escaped}')"
    return f"coalesce({text}, '\\N')"
