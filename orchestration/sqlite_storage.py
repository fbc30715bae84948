"""Dagster's SQLite storage with a connection to each database that is kept, for a machine of its own.

Dagster makes a new SQLAlchemy engine and connection for every event of a run, waits for the disk after each, asks the
database again and again whether it has the tables and columns of this Dagster's version, and writes down one by one
what a run is going to do. That is most of what a run of many small assets costs;
`python -m benchmarks.dagster_overhead` prints what is left of it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import AssetKey, DagsterEventType, EventLogEntry, EventLogRecord
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, _event_logs_directory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

_KEPT = 8  # databases that stay open: the index of all runs, and a few runs
_PLANNED = {DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}
# Dagster hands events over together if this says how many at most.
BATCHES = {"DAGSTER_EVENT_BATCH_SIZE": "1000"}


class KeptEventLog(SqliteEventLogStorage):
    """Dagster's event log; `_connect` is what all of it goes through, one caller at a time."""

    def __init__(self, base_dir: str) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._there: set[tuple[str, str]] = set()
        self._stored: dict[str, tuple[str, EventLogRecord]] = {}  # by asset: its newest record as text, and read
        super().__init__(base_dir)

    # What a database of Dagster has it keeps, a migration only adds to it: what was there once is not looked for again.

    def has_table(self, table_name: str) -> bool:
        """Whether the index of all runs has that table."""
        return self._is_there("table", table_name, lambda: super(KeptEventLog, self).has_table(table_name))

    def has_secondary_index(self, name: str) -> bool:
        """Whether that migration of data has been made."""
        return self._is_there("index", name, lambda: super(KeptEventLog, self).has_secondary_index(name))

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether the table of assets has that column."""
        return self._is_there("column", column_name, lambda: super(KeptEventLog, self).has_asset_key_col(column_name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        ask = super()._has_asset_key_col_on_connection
        return self._is_there("column", column_name, lambda: ask(conn, column_name))

    def _is_there(self, kind: str, name: str, ask: Callable[[], bool]) -> bool:
        if (kind, name) in self._there:
            return True
        if ask():
            self._there.add((kind, name))
        return (kind, name) in self._there

    # Dagster reads each record back that it has just written: for that the text need not be read again.

    def _get_asset_entry_values(self, event: EventLogEntry, event_id: int, has_columns: bool) -> dict[str, Any]:
        values = super()._get_asset_entry_values(event, event_id, has_columns)
        if "last_materialization" in values and (key := event.get_dagster_event().asset_key):
            record = EventLogRecord(storage_id=event_id, event_log_entry=event)
            self._stored[key.to_string()] = (values["last_materialization"], record)
        return values

    def _get_latest_materialization_records(
        self, raw_asset_rows: Sequence[Any]
    ) -> dict[AssetKey, EventLogRecord | None]:
        found: dict[AssetKey, EventLogRecord | None] = {}
        unknown = []
        for row in raw_asset_rows:
            text, record = self._stored.get(row["asset_key"], ("", None))
            key = AssetKey.from_db_string(row["asset_key"])
            if key and record and row["last_materialization"] == text and not row["asset_details"]:
                found[key] = record
            else:
                unknown.append(row)
        return found | dict(super()._get_latest_materialization_records(unknown)) if unknown else found

    def wipe(self) -> None:
        """Forget every run."""
        super().wipe()
        self._there.clear()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """What a run is going to do, in one statement for each database; other events one by one as ever."""
        planned = all(event.dagster_event_type in _PLANNED for event in events)
        if not planned or len({event.run_id for event in events}) != 1:
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        stored = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        with self.index_connection() as connection:
            numbered = list(zip(events, connection.execute(stored, rows).scalars(), strict=True))
            for event, number in numbered:
                if event.dagster_event_type in ASSET_EVENTS:
                    self._store_asset_event(connection, event, number)
        for event, number in numbered:
            if event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, number)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        """The engine of a database; a new one if Dagster has begun it anew."""
        if shard not in self._initialized_dbs and shard in self._engines:
            self._engines.pop(shard).dispose()
        if shard not in self._engines:
            self._engines[shard] = _new_engine(self.conn_string_for_shard(shard))
        self._engines.move_to_end(shard)
        while len(self._engines) > _KEPT:
            self._engines.popitem(last=False)[1].dispose()
        return self._engines[shard]

    def dispose(self) -> None:
        """Close what is open."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


class KeptSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with that event log: `storage: custom` in `dagster.yaml`."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = KeptEventLog(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "KeptSqliteStorage":
        """Made from the entry in `dagster.yaml`."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _new_engine(address: str) -> Engine:
    # The caller holds a lock, so any thread may use the one connection.
    arguments = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    engine = create_engine(address, poolclass=StaticPool, connect_args=arguments)

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _: Any) -> None:
        # A power cut may cost the last events of a run, never the database; the numbers are elsewhere.
        connection.execute("pragma synchronous = normal")

    return engine
