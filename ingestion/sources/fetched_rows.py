"""Fetching rows of databases and paged HTTP APIs: dlt extracts (dialects, pages, retries) and stores nothing."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from almanac.errors import AlmanacError
from ingestion.lake_cursors import normal_cursor, short_cursor
from ingestion.lake_tables import TableRow
from ingestion.sources.cursors import cursor_text, value_of
from ingestion.sources.databases import engine_of, table_of
from ingestion.sources.fetched_source import FetchedSource, FetchedTable

CHUNK_ROWS = 5_000  # of one query to a database


def fetch(source: FetchedSource, name: str, since: str | None, url: str, token: str | None) -> Iterator[TableRow]:
    """The rows of a table whose cursor is `since` (as `cursor_text` writes it) or later; databases give them in order.

    Raises AlmanacError if dlt is not installed or a row lacks key or cursor; what the database or API says comes as
    the exceptions of its client library.
    """
    table = source.tables[name]
    rows = (
        _sql(source, table, name, since, url) if source.kind == "sql" else _http(source, table, name, since, url, token)
    )
    for row in rows:
        yield table_row(source.source, name, table, row, of_api=source.kind == "http")


def table_row(source: str, name: str, table: FetchedTable, row: dict[str, Any], *, of_api: bool = False) -> TableRow:
    """A fetched row as the lake keeps it. Raises AlmanacError naming the column that it lacks.

    An API's cursor is kept as the instant that it is; a database's text as the database compares it.
    """
    for column in table.key:
        if row.get(column) is None:
            raise AlmanacError(f"source {source}, table {name}: a row has no {column}, which is its key")
    key = json_of([row[column] for column in table.key])
    cursor = None
    if table.cursor is not None and row.get(table.cursor) is not None:
        try:
            cursor = cursor_text(row[table.cursor])
        except ValueError as error:
            raise AlmanacError(f"source {source}, table {name}: cursor {table.cursor}: {error}") from error
    return TableRow(key, normal_cursor(cursor) if of_api and cursor is not None else cursor, json_of(row))


def _sql(
    source: FetchedSource, table: FetchedTable, name: str, since: str | None, url: str
) -> Iterator[dict[str, Any]]:
    dlt = _dlt()
    from dlt.sources.sql_database import sql_table

    what = f"source {source.source}, table {name}"
    engine = engine_of(what, url)
    try:
        reflected = table_of(what, engine, table.path or name)
        incremental = None
        if table.cursor is not None:
            if table.cursor not in reflected.columns:
                raise AlmanacError(f"table {name} has no column {table.cursor}, which is its cursor")
            incremental = dlt.sources.incremental(
                table.cursor,
                initial_value=None if since is None else value_of(since, reflected.columns[table.cursor].type),
                row_order="asc",
                on_cursor_value_missing="include",
            )
        yield from sql_table(
            credentials=engine,
            table=reflected.name,
            schema=reflected.schema,
            incremental=incremental,
            chunk_size=CHUNK_ROWS,
            backend="sqlalchemy",
            reflection_level="minimal",
        )
    finally:
        engine.dispose()


def _http(
    source: FetchedSource, table: FetchedTable, name: str, since: str | None, url: str, token: str | None
) -> Iterator[dict[str, Any]]:
    _dlt()
    from ingestion.sources.http_pages import pages_of

    params = dict(table.params)
    if since is not None and table.cursor_param is not None:
        params[table.cursor_param] = short_cursor(since)
    for page in pages_of(f"source {source.source}, table {name}", table, table.path or name, params, url, token):
        yield from page


def _dlt() -> Any:
    """dlt, silent: it is imported only where it is needed, because it is an extra."""
    try:
        import dlt
    except ImportError as error:
        what = "databases and APIs need the extra `sources`"
        raise AlmanacError(f"{what}: .venv/bin/uv pip install --python .venv/bin/python -e '.[sources]'") from error
    dlt.config["runtime.dlthub_telemetry"] = False
    dlt.config["runtime.log_level"] = "CRITICAL"
    return dlt


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(bytes(value)).decode()
    return value.isoformat() if isinstance(value, date) else str(value)


def json_of(value: object) -> str:
    """JSON with its keys in order, so that the same row is the same text."""
    return msgspec.json.encode(value, enc_hook=_plain, order="sorted").decode()
