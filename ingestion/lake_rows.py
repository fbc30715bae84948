"""From arrivals to tables: rows are judged and turned into columns in small batches."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import pyarrow as pa

from ingestion.envelope import Arrival, EventRow, QuarantineRow, to_row
from ingestion.lake_schema import COUNTERS, QUARANTINE, events_schema
from ingestion.tracking_plan.model import Plan
from ingestion.tracking_plan.names import ENVELOPE

# Rows that exist as Python objects at one time. Larger batches cost more an event (20 us instead of 16 for 100,000):
# they leave the processor's cache, and the garbage collector walks them again and again.
BATCH = 4096


def part_tables(
    plan: Plan, tenant: str, source: str, arrivals: Sequence[Arrival], file_id: UUID, history_from: date | None
) -> tuple[pa.Table, pa.Table]:
    """The accepted and the refused events of one landing part; `ingest_row` is an arrival's place in `arrivals`."""
    schema, prefix = events_schema(plan), f"{file_id}/"
    accepted: list[pa.RecordBatch] = []
    refused: list[pa.RecordBatch] = []
    for start in range(0, len(arrivals), BATCH):
        events: dict[int, EventRow] = {}
        others: dict[int, QuarantineRow] = {}
        for place, arrival in enumerate(arrivals[start : start + BATCH], start):
            row = to_row(plan, tenant, source, arrival, history_from, origin=f"{prefix}{place}")
            if isinstance(row, EventRow):
                events[place] = row
            else:
                others[place] = row
        if events:
            accepted.append(_events(schema, events, file_id))
        if others:
            refused.append(_quarantine(others, file_id))
    return pa.Table.from_batches(accepted, schema), pa.Table.from_batches(refused, QUARANTINE)


def _events(schema: pa.Schema, rows: Mapping[int, EventRow], file_id: UUID) -> pa.RecordBatch:
    *envelope, typed = zip(*rows.values(), strict=True)
    values: dict[str, Any] = dict(zip(ENVELOPE, envelope, strict=True))
    present: set[str] = set().union(*typed)
    return pa.RecordBatch.from_arrays(list(_columns(schema, values, typed, present, rows, file_id)), schema=schema)


def _columns(
    schema: pa.Schema,
    values: Mapping[str, Any],
    typed: Sequence[dict[str, Any]],
    present: set[str],
    places: Mapping[int, Any],
    file_id: UUID,
) -> Iterator[pa.Array]:
    for column in schema:
        name = column.name
        if name in values:
            yield pa.array(values[name], column.type)
        elif name in present:
            yield pa.array([row.get(name) for row in typed], column.type)
        elif name == "file_id":
            yield pa.array([file_id.bytes] * len(places), column.type)
        elif name == "ingest_row":
            yield pa.array(list(places), column.type)
        else:
            yield pa.nulls(len(places), column.type)


def _quarantine(rows: Mapping[int, QuarantineRow], file_id: UUID) -> pa.RecordBatch:
    columns = [*zip(*rows.values(), strict=True), [file_id.bytes] * len(rows), list(rows)]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, QUARANTINE, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=QUARANTINE)


def counters_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Counter rows; a count that a row leaves out is 0."""
    zero = {"received": 0, "suppressed": 0, "erased": 0}
    return pa.Table.from_pylist([{**zero, **row} for row in rows], schema=COUNTERS)
