"""The columns of the lake's files, and how a table becomes a Parquet file."""

from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.lake_manifest import Kind
from ingestion.tracking_plan.model import Plan
from ingestion.tracking_plan.names import ENVELOPE, PLACE
from ingestion.tracking_plan.values import MONEY_DIGITS, MONEY_SCALE

ROW_GROUP = 122_880  # rows; DuckDB's own size, so that its threads share a large file

_TIME = pa.timestamp("us")
TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "uuid": pa.uuid(),
    "timestamp": _TIME,
    "bigint": pa.int64(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "money": pa.decimal128(MONEY_DIGITS, MONEY_SCALE),
    "currency": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}

QUARANTINE = pa.schema(
    [
        ("tenant", pa.string()),
        ("source", pa.string()),
        ("received_at", _TIME),
        ("message_id", pa.uuid()),
        ("event", pa.string()),
        ("reasons", pa.string()),
        ("field", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
        ("payload", pa.string()),
        ("file_id", pa.uuid()),
        ("ingest_row", pa.int64()),
    ]
)

COUNTERS = pa.schema(
    [
        ("tenant", pa.string()),
        ("source", pa.string()),
        ("received_date", pa.date32()),
        ("received", pa.int64()),
        ("suppressed", pa.int64()),
        ("erased", pa.int64()),
        ("file_id", pa.uuid()),
    ]
)

# Which refused event (by its place in quarantine) came in after all, and as which row of which landing.
REPLAYS = pa.schema(
    [
        ("tenant", pa.string()),
        ("source", pa.string()),
        ("received_at", _TIME),
        ("quarantine_file_id", pa.uuid()),
        ("quarantine_row", pa.int64()),
        ("file_id", pa.uuid()),
        ("ingest_row", pa.int64()),
    ]
)

# Rows of foreign tables: all of a row is JSON text, so that its columns may change.
TABLES = pa.schema(
    [
        ("tenant", pa.string()),
        ("source", pa.string()),
        ("table_name", pa.string()),
        ("received_at", _TIME),
        ("row_key", pa.string()),
        ("row_cursor", pa.string()),
        ("data", pa.string()),
        ("file_id", pa.uuid()),
        ("ingest_row", pa.int64()),
    ]
)

HISTORY = pa.schema(
    [
        ("publication_id", pa.string()),
        ("published_at", _TIME),
        ("cause", pa.string()),
        ("is_removed", pa.bool_()),
        ("tenant", pa.string()),
        ("kpi", pa.string()),
        ("time_grain", pa.string()),
        ("period_start", pa.date32()),
        ("dimension", pa.string()),
        ("dimension_value", pa.string()),
        ("numerator", pa.decimal128(28, 4)),
        ("denominator", pa.decimal128(28, 4)),
        ("value", pa.float64()),
        ("is_complete", pa.bool_()),
    ]
)

# Columns whose smallest and largest value stand in a file's footer, so that readers can skip the file. Footers are in
# clear text and survive in caches, so nothing that may be personal is among them: no ids of people, no properties, no
# payloads; not even the event in quarantine, where it is what a client sent.
_STATISTICS: dict[Kind, tuple[str, ...]] = {
    "events": ("tenant", "source", "message_id", "type", "event", "event_at", "received_at", "file_id", "ingest_row"),
    "quarantine": ("tenant", "source", "received_at", "code", "file_id", "ingest_row"),
    "counters": ("tenant", "source", "received_date", "file_id"),
    "replays": ("tenant", "source", "received_at", "quarantine_file_id", "quarantine_row", "file_id", "ingest_row"),
    "tables": ("tenant", "source", "table_name", "received_at", "file_id", "ingest_row"),
    "history": ("publication_id", "published_at", "tenant", "kpi", "time_grain", "period_start"),
}
# Columns in which hardly a value comes twice: to look for those that do takes longer and makes the file larger.
_HARDLY_REPEATED = frozenset({"message_id"})
# Columns whose values are little apart from row to row: their differences are written, which is quicker and smaller.
_NEAR = frozenset({"event_at", "original_at", "sent_at", "received_at", "ingest_row"})


def schema_of(kind: Kind, plan: Plan) -> pa.Schema:
    """The full schema of one kind of file under the current tracking plan."""
    if kind == "events":
        return events_schema(plan)
    return {
        "quarantine": QUARANTINE,
        "counters": COUNTERS,
        "replays": REPLAYS,
        "tables": TABLES,
        "history": HISTORY,
    }[kind]


def events_schema(plan: Plan) -> pa.Schema:
    """Envelope, then context columns and property columns of the plan, then which landing brought the row."""
    columns = [(name, TYPES[type_name]) for name, type_name in ENVELOPE.items()]
    columns += [(column.name, TYPES[column.type]) for column in plan.columns]
    columns += [(name, TYPES[type_name]) for name, type_name in PLACE.items()]
    return pa.schema(columns)


def parquet(kind: Kind, table: pa.Table) -> memoryview:
    """The table as the bytes of a zstd Parquet file of one kind; the same table always gives the same bytes."""
    sink = pa.BufferOutputStream()
    with parquet_writer(kind, sink, table.schema) as writer:
        writer.write_table(table, ROW_GROUP)
    return memoryview(sink.getvalue()).cast("B")


def parquet_writer(kind: Kind, sink: Any, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of a zstd Parquet file of one kind; give it row groups of at most `ROW_GROUP` rows."""
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        write_statistics=list(_STATISTICS[kind]),
        use_dictionary=[name for name in schema.names if name not in _HARDLY_REPEATED | _NEAR],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in schema.names if name in _NEAR},
        # Else readers would get columns that are dictionaries here as such, and those of other files not.
        store_schema=False,
    )


def time_range(table: pa.Table, column: str) -> tuple[str | None, str | None]:
    """The smallest and the largest value of a time column as ISO text, None where there are no rows or no column."""
    if column not in table.column_names or table.num_rows == 0:
        return None, None
    bounds = pc.min_max(table[column]).as_py()
    return _iso(bounds["min"]), _iso(bounds["max"])


def _iso(moment: datetime | date | None) -> str | None:
    if isinstance(moment, datetime):
        return moment.isoformat(timespec="microseconds")
    return None
