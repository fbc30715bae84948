"""Rows of the events that the door settled, many thousand at a time, without an object in Python for each value.

The door looked at every name and every value of such an event, by the very rules of this landing (`settling.py` says
what it promises). So DuckDB may read it with the types that its contract declares. What comes out otherwise than was
promised, and what only the landing judges (its times, text that may have to be masked), is left to the next way.

Belongs here: what a settled event becomes. Does not belong here: which events are settled, and the types of their JSON
(`settled_types.py`).
"""

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.context_parts import INSTEAD, parted, whole_again
from ingestion.logged_events import LoggedEvents, Settled
from ingestion.plain_rows import SUSPECT_COLUMN, BatchMaker, PlainRows
from ingestion.plain_times import instants
from ingestion.privacy.masking import suspicious
from ingestion.repeated import different, numbered, spelt_out
from ingestion.settled_types import ENVELOPE, Contract, contexts_type, contract_of, envelope_type
from ingestion.settling import settled_by
from ingestion.tracking_plan.model import Plan
from ingestion.tracking_plan.plain import known_event

# Fewer settled events than these, in all or of one name, are read sooner one by one.
LEAST = 2_000
LEAST_OF_NAME = 200
# Times that the same properties must come on average to be read once for all.
WORTH = 2
# Numbers (smallest but for 0, largest) that both readers of JSON take and write alike: money is exact in binary up to
# here, and other numbers are written without an exponent by both.
_ALIKE = {"money": (0.0, 1e10), "number": (1e-4, 1e15)}
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_Columns = dict[str, Any]
_NAME = b'":'  # ends a name, and stands nowhere else
_TAKEN = {*ENVELOPE, "properties"} - {"type", "event"}


class SettledRowMaker:
    """Makes the rows of one landing from its settled events."""

    def __init__(self, plan: Plan, tenant: str, maker: BatchMaker) -> None:
        self._plan = plan
        self._tenant = tenant
        self._maker = maker
        self._settled_by = settled_by(plan)

    def rows(self, events: LoggedEvents, first: int) -> PlainRows:
        """The rows of those of `events` that are settled and many, and the places of all others.

        `first` is the place (`ingest_row`) of the first of them.
        """
        settled = events.settled(self._settled_by)
        batches: list[pa.RecordBatch] = []
        if len(settled.places) >= LEAST:
            batches = self._batches(_Reader(), settled, pa.array(settled.places + first))
        is_left = np.ones(len(events), np.bool_)
        for batch in batches:
            is_left[batch.column("ingest_row").to_numpy() - first] = False
        return PlainRows(batches, (np.flatnonzero(is_left) + first).tolist())

    def _batches(self, reader: "_Reader", settled: Settled, places: pa.Array) -> list[pa.RecordBatch]:
        envelopes = _fields(reader.read(settled.texts, envelope_type()))
        contexts = _Contexts(reader, self._plan, settled)
        batches = []
        for kind, name, members in _by_name(envelopes):
            known = known_event(self._plan, self._tenant, kind, name)
            contract = None if known is None else contract_of(known, kind)
            if known is None or contract is None or len(members) < LEAST_OF_NAME:
                continue
            envelope = {field: envelopes[field].take(members) for field in _TAKEN}
            for who in ("userId", "anonymousId"):
                envelope[who] = _or_nobody(envelope[who])
            columns, is_right = _properties(reader, contract, envelope)
            columns |= contexts.of(members)
            columns["session_id"] = _either(envelope["sessionId"], columns.get("session_id"))
            envelope["given"] = pc.coalesce(envelope["originalTimestamp"], envelope["timestamp"])
            batch = self._maker.batch(
                known, kind, envelope, columns, settled.received_at.take(members), places.take(members), is_right
            )
            if batch.num_rows:
                batches.append(batch)
        return batches


# To make one takes as long as reading two thousand events with it. A child of this process needs one of its own.
@lru_cache(maxsize=1)
def _database(_: int) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": "1"})


class _Reader:
    """Reads JSON texts with DuckDB."""

    def __init__(self) -> None:
        self._database = _database(os.getpid()).cursor()

    def read(self, texts: pa.Array, type_: str) -> pa.StructArray:
        """The texts as values of a type."""
        self._database.register("given", pa.table({"text": texts}))
        quoted = type_.replace("'", "''")
        found = self._database.sql(f"select from_json(text, '{quoted}') as value from given").to_arrow_table()
        return _array_of(found["value"])


def _array_of(values: pa.ChunkedArray) -> pa.Array:
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _fields(values: pa.StructArray) -> dict[str, pa.Array]:
    """The fields of values."""
    arrays = (field.storage if isinstance(field, pa.ExtensionArray) else field for field in values.flatten())
    return dict(zip(values.type.names, arrays, strict=True))


def _properties(reader: _Reader, contract: Contract, envelope: Mapping[str, pa.Array]) -> tuple[_Columns, pa.Array]:
    """The typed columns of one event's properties and their text, and for which events these are as promised."""
    fields = ["properties", *(field for field, _ in contract.beside)]
    rows, numbers = different([envelope[field] for field in fields])
    if len(rows[0]) * WORTH > len(numbers):
        return _typed(reader, contract, envelope)
    # The same page is looked at again and again.
    columns, is_right = _typed(reader, contract, dict(zip(fields, rows, strict=True)))
    return {name: numbered(values).take(numbers) for name, values in columns.items()}, is_right.take(numbers)


def _typed(reader: _Reader, contract: Contract, envelope: Mapping[str, pa.Array]) -> tuple[_Columns, pa.Array]:
    texts = pc.fill_null(envelope["properties"], "{}")
    found = np.zeros(len(texts), np.int32)
    is_right = pa.repeat(True, len(texts))
    columns: _Columns = {}
    read = _fields(reader.read(texts, contract.type))
    for (name, type_), values in zip(contract.columns, read.values(), strict=True):
        if values.null_count == len(values):
            continue
        if type_ == "timestamp":
            values = instants(values)
        elif type_ == "date":
            values = pc.if_else(pc.match_substring_regex(values, _DATE), values, None).cast(pa.date32())
        elif type_ in _ALIKE:
            is_right = pc.and_(is_right, _is_between(values, *_ALIKE[type_]))
        found += values.is_valid().to_numpy(zero_copy_only=False)
        columns[name] = values
    # A value for each name: none is unknown or stands twice, and nothing was lost in reading it.
    is_right = pc.and_(is_right, _have_names(texts, found))
    for own, canonical in contract.renamed:
        if canonical in columns:
            texts = pc.replace_substring(texts, f'"{own}":', f'"{canonical}":')
    for field, name in contract.beside:
        beside = envelope[field]
        if beside.null_count < len(beside):
            inside = columns.get(name, pa.nulls(len(texts), pa.string()))
            texts = _with(texts, name, pc.if_else(inside.is_null(), beside, None))
            columns[name] = pc.coalesce(inside, beside)
    return {**columns, "properties": texts}, is_right


def _have_names(texts: pa.StringArray, counts: npt.NDArray[np.int32]) -> pa.Array | pa.Scalar:
    """Whether each text has so many names, where none has fewer."""
    ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :]
    data = np.frombuffer(texts.buffers()[2], np.uint8)[ends[0] : ends[len(texts)]]
    first, second = _NAME
    # To count in all texts at once takes a tenth of the time.
    if np.count_nonzero((data[:-1] == first) & (data[1:] == second)) == counts.sum():
        return pa.scalar(True)
    return pc.equal(pa.array(counts), pc.count_substring(texts, _NAME.decode()))


def _or_nobody(ids: pa.Array) -> pa.Array:
    """Ids, of which an empty one is none."""
    is_empty = pc.equal(ids, "")
    return pc.if_else(is_empty, None, ids) if pc.any(is_empty).as_py() else ids


def _is_between(values: pa.Array, smallest: float, largest: float) -> pa.Array | pa.Scalar:
    if not smallest and all(abs(value) < largest for value in pc.min_max(values).as_py().values()):
        return pa.scalar(True)
    size = pc.abs(values.cast(pa.float64()))
    fits = pc.and_(pc.less(size, largest), pc.or_(pc.equal(size, 0.0), pc.greater_equal(size, smallest)))
    return pc.fill_null(fits, True)


def _with(texts: pa.Array, name: str, values: pa.Array) -> pa.Array:
    """Objects as text with one more property, where there is a value for it."""
    open_ = pc.binary_slice(texts.cast(pa.binary()), 0, -1).cast(pa.string())
    comma = pc.if_else(pc.equal(texts, "{}"), "", ",")
    return pc.coalesce(pc.binary_join_element_wise(open_, comma, f'"{name}":"', values, '"}', ""), texts)


def _by_name(envelopes: Mapping[str, pa.Array]) -> Iterator[tuple[str, str | None, pa.Array]]:
    """The events by type and, for track messages, name: with the numbers of those that have it."""
    names = pc.if_else(pc.equal(envelopes["type"], "track"), envelopes["event"], None)
    kinds, names = (texts.dictionary_encode("encode") for texts in (envelopes["type"], names))
    codes = kinds.indices.to_numpy() * len(names.dictionary) + names.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        kind, name = divmod(int(codes[members[0]]), len(names.dictionary))
        yield kinds.dictionary[kind].as_py(), names.dictionary[name].as_py(), pa.array(members, pa.int32())


class _Contexts:
    """Columns from contexts, and whether one is suspect: read once for each different part, then dealt out."""

    def __init__(self, reader: _Reader, plan: Plan, settled: Settled) -> None:
        self._numbers, texts = settled.context, settled.contexts
        type_, paths = contexts_type(plan.judges.context_tree, INSTEAD)
        parts = parted(texts)
        read = reader.read(parts.texts, type_)
        is_marked = np.asarray(read.field(INSTEAD).is_valid())
        inside = (parts.page >= 0) & ~is_marked[parts.rest]
        if inside.any():
            # It is another object that has the page.
            parts = whole_again(texts, parts, inside)
            read = reader.read(parts.texts, type_)
        del paths[INSTEAD]
        columns = {name: pc.struct_field(read, path) for name, path in paths.items()}
        columns["session_id"] = _or_nobody(columns["session_id"])
        columns[SUSPECT_COLUMN] = suspicious(parts.texts)
        rest, page = pa.array(parts.rest, pa.int32()), pa.array(parts.page, pa.int32(), mask=parts.page < 0)
        self._sources = [
            (rest, _filled(columns, 0, len(parts.rests))),
            (page, _filled(columns, len(parts.rests), len(parts.pages))),
        ]
        self._texts = texts

    def of(self, members: pa.Array) -> _Columns:
        """Those of some events."""
        numbers = self._numbers.take(members)
        columns: _Columns = {"context": pa.DictionaryArray.from_arrays(numbers, self._texts)}
        for part, read in self._sources:
            own = part.take(numbers)
            columns |= {name: _either(values.take(own), columns.get(name)) for name, values in read.items()}
        return columns


def _filled(columns: Mapping[str, pa.Array], start: int, count: int) -> dict[str, pa.Array]:
    """Some rows of those columns that have something in them."""
    parts = {name: values.slice(start, count) for name, values in columns.items()}
    return {name: numbered(values) for name, values in parts.items() if values.null_count < count}


def _either(first: pa.Array, second: pa.Array | None) -> pa.Array:
    """Of two columns what one has; of two that say whether something is so, whether one does."""
    if second is None:
        return first
    first, second = spelt_out(first), spelt_out(second)
    return pc.or_kleene(first, second) if pa.types.is_boolean(first.type) else pc.coalesce(first, second)
