"""One version file copied into a schema of its own, row for row, with comments, indexes, statistics and walls."""

import re
from dataclasses import dataclass
from typing import Any

import duckdb
from psycopg2 import DataError
from psycopg2.sql import SQL, Identifier, Literal

from almanac.copy_text import copy
from almanac.errors import AlmanacError
from almanac.postgres import first_line
from almanac.serving_store.declared import Declared
from almanac.serving_store.walls import raise_walls
from almanac.versions import Version

# The types of published columns; a decimal keeps its own digits.
TYPES = {
    "varchar": "text",
    "json": "text",
    "boolean": "boolean",
    "tinyint": "smallint",
    "smallint": "smallint",
    "integer": "integer",
    "bigint": "bigint",
    "utinyint": "smallint",
    "usmallint": "integer",
    "uinteger": "bigint",
    "ubigint": "numeric(20, 0)",
    "hugeint": "numeric(39, 0)",
    "float": "real",
    "double": "double precision",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamp with time zone": "timestamptz",
    "uuid": "uuid",
}
LONGEST_NAME = 63  # PostgreSQL cuts longer ones without a word
DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


@dataclass(frozen=True)
class Column:
    """A column of a version file."""

    name: str
    type: str  # DuckDB's, in lower case
    comment: str | None


def fill(cursor: Any, version: Version, schema: str, declared: Declared) -> None:
    """Make the schema and everything in it, in the transaction of `cursor`; the order of rows is that of the file.

    Raises AlmanacError that names relation and column if PostgreSQL has no such type or does not take a value.
    """
    cursor.execute(SQL("create schema {}").format(Identifier(schema)))
    with duckdb.connect(str(version.path), read_only=True) as con:
        con.execute("set threads = 1; set TimeZone = 'UTC'")
        words = dict(con.execute("select table_name, comment from duckdb_tables() where not internal").fetchall())
        for relation, columns in _relations(con).items():
            _create(cursor, schema, relation, columns, words[relation])
            _copy(cursor, schema, relation, columns, con)
            names = [column.name for column in columns]
            for index in declared.indexes.get(relation, []):
                # A version from before a column was added has no use for its index.
                if set(index) <= set(names):
                    cursor.execute(_index(schema, relation, index))
            cursor.execute(SQL("analyze {}").format(Identifier(schema, relation)))
            raise_walls(cursor, schema, relation, has_tenant="tenant" in names, is_shared=relation in declared.shared)


def _relations(con: duckdb.DuckDBPyConnection) -> dict[str, list[Column]]:
    """The tables of a version file by name, each with its columns in order."""
    found: dict[str, list[Column]] = {}
    rows = con.execute(
        "select table_name, column_name, lower(data_type), comment from duckdb_columns() "
        "where not internal order by table_name, column_index"
    ).fetchall()
    for table, name, type_, comment in rows:
        for one in (table, name):
            if len(one.encode()) > LONGEST_NAME:
                raise AlmanacError(f"{one} is longer than the {LONGEST_NAME} bytes of a name in PostgreSQL: shorten it")
        found.setdefault(table, []).append(Column(name, type_, comment))
    return found


def _create(cursor: Any, schema: str, relation: str, columns: list[Column], comment: str | None) -> None:
    table = Identifier(schema, relation)
    body = SQL(", ").join(SQL("{} " + _type(relation, column)).format(Identifier(column.name)) for column in columns)
    cursor.execute(SQL("create table {} ({})").format(table, body))
    if comment:
        cursor.execute(SQL("comment on table {} is {}").format(table, Literal(comment)))
    for column in columns:
        if column.comment:
            named = Identifier(schema, relation, column.name)
            cursor.execute(SQL("comment on column {} is {}").format(named, Literal(column.comment)))


def _type(relation: str, column: Column) -> str:
    if match := DECIMAL.fullmatch(column.type):
        return f"numeric({match[1]}, {match[2]})"
    if column.type not in TYPES:
        raise AlmanacError(
            f"{relation}.{column.name} has the type {column.type}, which is not served from PostgreSQL: cast it to one "
            "of the usual types in its model"
        )
    return TYPES[column.type]


def _copy(cursor: Any, schema: str, relation: str, columns: list[Column], con: duckdb.DuckDBPyConnection) -> None:
    try:
        # Frozen rows belong to every snapshot: a reader whose transaction is older than they are, and who meets their
        # table after the switch, would otherwise find it empty.
        copied = copy(
            cursor,
            f'"{schema}"."{relation}"',
            [(column.name, column.type) for column in columns],
            con,
            f'from "{relation}"',
            options="with (freeze true)",
        )
    except DataError as error:
        raise AlmanacError(f"a value of {relation} cannot be stored in PostgreSQL: {first_line(error)}") from error
    [(held,)] = con.execute(f'select count(*) from "{relation}"').fetchall()
    if copied != held:
        raise RuntimeError(f"{copied} of {held} rows of {relation} arrived in PostgreSQL")


def _index(schema: str, relation: str, columns: tuple[str, ...]) -> Any:
    named = SQL(", ").join(Identifier(column) for column in columns)
    return SQL("create index on {} ({})").format(Identifier(schema, relation), named)
