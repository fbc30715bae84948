"""The application state as one document, and back: the same for SQLite and PostgreSQL, so one can become the other."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, MetaData, Table, select, text

from almanac.errors import AlmanacError
from almanac.state.database import StateDB
from almanac.state.migrate import VERSION_TABLE, migrate, newest
from almanac.state.models import Base, CollectorRow

# Signs of life pass by themselves, and a collector that runs already is no reason not to restore.
_LEFT_OUT = {CollectorRow.__tablename__}


def dump_state(state: StateDB) -> bytes:
    """All that was decided, seen at one moment, as JSON with the version of the schema; the same rows, same bytes."""
    engine = state.engine
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection, connection.begin():
        tables = {t.name: _rows(connection, t) for t in Base.metadata.sorted_tables if t.name not in _LEFT_OUT}
    return json.dumps({"schema": newest(), "tables": tables}, indent=1, sort_keys=True).encode()


def load_state(state: StateDB, document: bytes) -> None:
    """Put what `dump_state` returned into a state that holds nothing; nothing happens if it holds just that.

    Also of an older schema, which is brought up to date. Raises AlmanacError if the document cannot be read, is of a
    newer Almanac, or the state holds other rows.
    """
    try:
        content = json.loads(document)
        schema, tables = str(content["schema"]), dict(content["tables"])
    except (ValueError, KeyError, TypeError) as error:
        raise AlmanacError(f"the copy of the application state cannot be read ({error}): use another backup") from error
    if schema > newest():
        raise AlmanacError(
            f"the copy of the application state has schema {schema}, which this Almanac does not know: update Almanac"
        )
    held = json.loads(dump_state(state))["tables"]
    if any(held.values()):
        if schema == newest() and held == tables:
            return
        rows = sum(map(len, held.values()))
        raise AlmanacError(
            f"the application state holds {rows:,} rows already (write keys, suppressed ids, erasures, incidents): "
            "restore into an empty one (ALMANAC_HOME or ALMANAC_STATE_URL)"
        )
    with state.write() as session:
        connection = session.connection()
        if schema != newest():
            # It holds nothing: it is made as it was then, filled, and brought up to date with what it holds.
            Base.metadata.drop_all(connection)
            connection.execute(text(f"drop table {VERSION_TABLE}"))
            migrate(connection, schema)
        _insert(connection, tables)
        migrate(connection, "head")


def _insert(connection: Connection, tables: dict[str, list[dict[str, Any]]]) -> None:
    # As the database has them now, which may be an older schema than that of `models.py`.
    found = MetaData()
    found.reflect(connection, only=list(tables))
    for name, rows in tables.items():
        table = found.tables[name]
        times = {column.name for column in table.columns if isinstance(column.type, DateTime)}
        if rows:
            connection.execute(table.insert(), [_typed(row, times) for row in rows])


def _typed(row: dict[str, Any], times: set[str]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None) if name in times and value else value
        for name, value in row.items()
    }


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    found = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
    return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
