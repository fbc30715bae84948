"""The columns of the lake's files, and how rows become a Parquet file."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.envelope import EventRow, QuarantineRow
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

# Columns whose smallest and largest value may stand in a file's footer. Footers are in clear text and survive in
# caches, so nothing that may be personal is among them: not ids of people, not properties, not payloads.
_STATISTICS = (
    "tenant", "source", "message_id", "type", "event", "event_at", "received_at", "received_date", "file_id",
    "ingest_row", "publication_id", "published_at", "kpi", "time_grain", "period_start",
)  # fmt: skip


def schema_of(kind: Kind, plan: Plan) -> pa.Schema:
    """The full schema of one kind of file under the current tracking plan."""
    if kind == "events":
        return events_schema(plan)
    return {"quarantine": QUARANTINE, "counters": COUNTERS, "history": HISTORY}[kind]


def events_schema(plan: Plan) -> pa.Schema:
    """Envelope, then context columns and property columns of the plan, then which landing brought the row."""
    columns = [(name, TYPES[type_name]) for name, type_name in ENVELOPE.items()]
    columns += [(column.name, TYPES[column.type]) for column in plan.columns]
    columns += [(name, TYPES[type_name]) for name, type_name in PLACE.items()]
    return pa.schema(columns)


def events_table(schema: pa.Schema, rows: Sequence[EventRow], places: Sequence[int], file_id: UUID) -> pa.Table:
    """Rows of one landing part as a table; `places` are their `ingest_row`s."""
    n = len(rows)
    names = tuple(ENVELOPE)
    values: dict[str, Any] = dict(zip(names, zip(*(row[: len(names)] for row in rows), strict=True), strict=True)) if n else {}
    typed = [row.typed for row in rows]
    present: set[str] = set().union(*typed)
    arrays = []
    for column in schema:
        name = column.name
        if name == "file_id":
            arrays.append(_repeat(file_id.bytes, n))
        elif name == "ingest_row":
            arrays.append(pa.array(places, pa.int64()))
        elif name in values:
            arrays.append(pa.array(values[name], column.type))
        elif name in present:
            arrays.append(pa.array([row.get(name) for row in typed], column.type))
        else:
            arrays.append(pa.nulls(n, column.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def quarantine_table(rows: Sequence[QuarantineRow], places: Sequence[int], file_id: UUID) -> pa.Table:
    """Refused events of one landing part as a table."""
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * 10
    arrays = [pa.array(values, field.type) for values, field in zip(columns, QUARANTINE, strict=False)]
    arrays += [_repeat(file_id.bytes, len(rows)), pa.array(places, pa.int64())]
    return pa.Table.from_arrays(arrays, schema=QUARANTINE)


def counters_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Counter rows; a column that a row leaves out is 0."""
    zero = {"received": 0, "suppressed": 0, "erased": 0}
    return pa.Table.from_pylist([{**zero, **row} for row in rows], schema=COUNTERS)


def _repeat(value: bytes, n: int) -> pa.Array:
    return pa.array([value], pa.uuid()).take(pa.array([0] * n, pa.int32())) if n else pa.nulls(0, pa.uuid())


def parquet(table: pa.Table) -> memoryview:
    """The table as the bytes of a zstd Parquet file; the same table always gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        row_group_size=ROW_GROUP,
        write_statistics=[name for name in table.column_names if name in _STATISTICS],
    )
    return memoryview(sink.getvalue())


def time_range(table: pa.Table, column: str) -> tuple[str | None, str | None]:
    """The smallest and the largest value of a time column as ISO text, None where there are no rows or no column."""
    if column not in table.column_names or table.num_rows == 0:
        return None, None
    bounds = pa.compute.min_max(table[column]).as_py()
    return _iso(bounds["min"]), _iso(bounds["max"])


def _iso(moment: datetime | date | None) -> str | None:
    if isinstance(moment, datetime):
        return moment.isoformat(timespec="microseconds")
    return None
