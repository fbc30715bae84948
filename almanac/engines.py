"""A connection to the warehouse of a build target, for load log and gate: the same few calls on both engines."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from almanac import postgres
from almanac.errors import AlmanacError
from almanac.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

# A new file is written in the newest format (the default is that of DuckDB 1.0): text costs a third less to write and
# takes less space. It holds for a file from its creation on, whoever opens it later.
NEW_FILES: dict[str, str | bool | int | float | list[str]] = {"storage_compatibility_version": "v1.5.0"}

# A process that was killed frees its lock only when the system has ended what it was writing.
LOCK_SECONDS = 10.0


class Engine:
    """One open connection; SQL is written so that both engines understand it, parameters are `?`."""

    def __init__(self, target: str, connection: Any) -> None:
        self.target, self.connection = target, connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, if it has any."""
        if self.target == "duckdb":
            return list(self.connection.execute(sql, list(parameters)).fetchall())
        with self.connection.cursor() as cursor:
            cursor.execute(sql.replace("?", "%s"), tuple(parameters) or None)
            return list(cursor.fetchall()) if cursor.description else []

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run one query and return its rows by the names of their columns."""
        if self.target == "duckdb":
            found = self.connection.execute(sql, list(parameters))
            return [dict(zip([d[0] for d in found.description], row, strict=True)) for row in found.fetchall()]
        with self.connection.cursor() as cursor:
            cursor.execute(sql.replace("?", "%s"), tuple(parameters) or None)
            return [dict(zip([d.name for d in cursor.description], row, strict=True)) for row in cursor.fetchall()]

    def column_types(self, schema: str, table: str) -> dict[str, str]:
        """The columns of a table with the engine's names of their types, in lower case."""
        if self.target == "duckdb":  # its information_schema looks at every column of the warehouse
            return {name: kind.lower() for name, kind, *_ in self.execute(f"describe {schema}.{table}")}
        columns = (
            "select column_name, data_type from information_schema.columns where table_schema = ? and table_name = ?"
        )
        return {name: kind.lower() for name, kind in self.execute(columns, [schema, table])}

    def insert(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows to a table, in column order."""
        rows = [tuple(r) for r in rows]
        if not rows:
            return
        if self.target == "duckdb":
            import pyarrow as pa

            columns = [pa.array([r[i] for r in rows]) for i in range(len(rows[0]))]
            self.insert_table(table, pa.table(columns, names=[f"c{i}" for i in range(len(columns))]))
            return
        from psycopg2.extras import execute_values

        with self.connection.cursor() as cursor:
            execute_values(cursor, f"insert into {table} values %s", rows, page_size=5000)

    def insert_table(self, table: str, rows: "pa.Table") -> None:
        """Append the rows of an Arrow table, whose columns have the table's order."""
        if self.target == "duckdb":
            self.connection.register("almanac_new_rows", rows)
            self.connection.execute(f"insert into {table} select * from almanac_new_rows")
            self.connection.unregister("almanac_new_rows")
        else:
            self.insert(table, zip(*(column.to_pylist() for column in rows.columns), strict=True))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside become visible together or not at all."""
        self.execute("begin")
        try:
            yield
        except BaseException:
            self.execute("rollback")
            raise
        self.execute("commit")


@contextmanager
def open_warehouse(settings: Settings, *, read_only: bool = False) -> Iterator[Engine]:
    """Open the private warehouse of `settings.target`; it is closed at the end.

    Raises AlmanacError if another process goes on building it, or if PostgreSQL cannot be reached.
    """
    if settings.target == "postgres":
        connection = _postgres(settings)
    else:
        connection = _duckdb(settings, read_only=read_only)
        connection.execute("set TimeZone = 'UTC'")
    try:
        yield Engine(settings.target, connection)
    finally:
        connection.close()


def _duckdb(settings: Settings, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    config = NEW_FILES | ({"threads": settings.threads} if settings.threads else {})
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return duckdb.connect(str(settings.warehouse), read_only=read_only, config=config)
        except duckdb.IOException as e:
            if "Could not set lock" not in str(e) or time.monotonic() > until:
                raise AlmanacError(f"{settings.warehouse} cannot be opened: {str(e).splitlines()[0]}") from e
            time.sleep(0.1)


def _postgres(settings: Settings) -> Any:
    if not settings.postgres_dsn:
        raise AlmanacError(
            "target postgres needs ALMANAC_POSTGRES_DSN, for example postgresql://user@host:5432/almanac"
        )
    connection = postgres.connect(settings.postgres_dsn, "ALMANAC_POSTGRES_DSN")
    connection.autocommit = True
    return connection
