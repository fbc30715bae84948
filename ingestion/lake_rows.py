"""From arrivals to tables: rows are judged and turned into columns in small batches."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import pyarrow as pa

from ingestion.envelope import EventRow, QuarantineRow, json_bytes, to_row
from ingestion.lake_schema import COUNTERS, QUARANTINE, events_schema
from ingestion.logged_events import Arrivals, LoggedEvents
from ingestion.plain_rows import BatchMaker, PlainRowMaker
from ingestion.privacy.masking import Masker, only_integers, suspects
from ingestion.repeated import together
from ingestion.scrub import scrub
from ingestion.settled_rows import SettledRowMaker
from ingestion.tracking_plan.model import Plan
from ingestion.tracking_plan.names import ENVELOPE

# Rows that exist as Python objects at one time. Larger batches cost more an event (20 us instead of 16 for 100,000):
# they leave the processor's cache, and the garbage collector walks them again and again.
BATCH = 4096


def part_tables(
    plan: Plan,
    tenant: str,
    source: str,
    arrivals: Arrivals,
    file_id: UUID,
    history_from: date | None,
    *,
    first: int = 0,
) -> tuple[pa.Table, pa.Table]:
    """The accepted and the refused events of one landing part; `ingest_row` is an arrival's place, from `first` on.

    Events that are not decoded yet take the quick way if they are plainly right; every other one is judged by `to_row`.
    """
    schema = events_schema(plan)
    maker = BatchMaker(plan, tenant, source, file_id, history_from)
    plain_rows = PlainRowMaker(plan, tenant, maker)
    masker = Masker(plan, tenant)
    accepted: list[pa.RecordBatch] = []
    refused: list[pa.RecordBatch] = []
    left: Sequence[int] = range(first, first + len(arrivals))
    if isinstance(arrivals, LoggedEvents):
        accepted, left = SettledRowMaker(plan, tenant, maker).rows(arrivals, first)
    for start in _without_garbage_collection(range(0, len(left), BATCH)):
        places = left[start : start + BATCH]
        if isinstance(arrivals, LoggedEvents):
            logged = {place: arrivals[place - first] for place in places}
            batches, places = plain_rows.rows(list(logged.values()), places)
            accepted += batches
            odd = {place: logged[place].arrival() for place in places}
        else:
            odd = {place: arrivals[place - first] for place in places}
        rows = {
            place: to_row(plan, tenant, source, arrival, history_from, origin=f"{file_id}/{place}")
            for place, arrival in odd.items()
        }
        # What is stored is what is searched, whichever way it came; only what has to be masked is judged again.
        for place in suspects(rows):
            row = rows[place]
            masked = masker.mask(odd[place], is_accepted=isinstance(row, EventRow))
            if masked is not None and isinstance(row, QuarantineRow) and only_integers(odd[place], masked):
                # The client was told about a number. Nothing that is masked can stand in the words about it.
                rows[place] = row._replace(payload=json_bytes(scrub(masked.message)[0]).decode())
            elif masked is not None:
                rows[place] = to_row(plan, tenant, source, masked, history_from, origin=f"{file_id}/{place}")
        events = {place: row for place, row in rows.items() if isinstance(row, EventRow)}
        others = {place: row for place, row in rows.items() if isinstance(row, QuarantineRow)}
        if events:
            accepted.append(_events(schema, events, file_id))
        if others:
            refused.append(_quarantine(others, file_id))
    return together(accepted, schema), pa.Table.from_batches(refused, QUARANTINE)


def _without_garbage_collection(starts: Iterable[int]) -> Iterator[int]:
    """The same numbers. Nothing that is made of a batch refers to itself, and looking for what does is dear."""
    for start in starts:
        was_on = gc.isenabled()
        gc.disable()
        try:
            yield start
        finally:
            if was_on:
                gc.enable()


def _events(schema: pa.Schema, rows: Mapping[int, EventRow], file_id: UUID) -> pa.RecordBatch:
    *envelope, typed = zip(*rows.values(), strict=True)
    values: dict[str, Sequence[Any]] = dict(zip(ENVELOPE, envelope, strict=True))
    values |= _by_column(typed)
    values |= {"file_id": [file_id.bytes] * len(rows), "ingest_row": list(rows)}
    arrays = [
        pa.array(values[column.name], column.type) if column.name in values else pa.nulls(len(rows), column.type)
        for column in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _by_column(typed: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The typed values as columns. An event has few of all declared properties, so this walks what is there."""
    columns: dict[str, list[Any]] = {}
    for place, row in enumerate(typed):
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [None] * len(typed)
            column[place] = value
    return columns


def _quarantine(rows: Mapping[int, QuarantineRow], file_id: UUID) -> pa.RecordBatch:
    columns = [*zip(*rows.values(), strict=True), [file_id.bytes] * len(rows), list(rows)]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, QUARANTINE, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=QUARANTINE)


def counters_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Counter rows; a count that a row leaves out is 0."""
    zero = {"received": 0, "suppressed": 0, "erased": 0}
    return pa.Table.from_pylist([{**zero, **row} for row in rows], schema=COUNTERS)
