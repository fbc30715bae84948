"""Columns whose values repeat, as numbers of the different values: Parquet keeps them so, and need not find them again.

Belongs here: making such arrays and joining them. Does not belong here: which columns repeat (`plain_rows.py`,
`settled_rows.py`), how a file is written (`lake_schema.py`).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

_NUMBER = pa.int32()
_WIDEST = 16  # bytes of a value of a column


def constant(value: str, count: int) -> pa.DictionaryArray:
    """The same text so many times."""
    return _of(pa.array(np.zeros(count, np.int32)), pa.array([value], pa.string()))


def numbered(values: pa.Array) -> pa.Array:
    """Texts as numbers of the different ones, which taking some of them leaves alone; other values as they are."""
    return values.dictionary_encode() if pa.types.is_string(values.type) else values


def different(columns: Sequence[pa.Array]) -> tuple[list[pa.Array], pa.Int32Array]:
    """The different rows of some columns, and which of these each row is."""
    encoded = [column.dictionary_encode("encode") for column in columns]
    codes = np.zeros(len(columns[0]), np.int64)
    for column in encoded:
        codes = codes * len(column.dictionary) + column.indices.to_numpy()
    rows = pa.array(codes).dictionary_encode()
    left = rows.dictionary.to_numpy()
    values = []
    for column in reversed(encoded):
        left, own = np.divmod(left, max(len(column.dictionary), 1))
        values.append(column.dictionary.take(pa.array(own)))
    return values[::-1], rows.indices


def spelt_out(values: pa.Array) -> pa.Array:
    """The same array with every value in its place."""
    return values.dictionary_decode() if isinstance(values, pa.DictionaryArray) else values


def together(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """The rows of batches of which each has some of the columns of `schema`; what repeats in one does so in all."""
    counts = [batch.num_rows for batch in batches]
    held = [dict(zip(batch.schema.names, batch.columns, strict=True)) for batch in batches]
    nothing = pa.py_buffer(np.zeros(sum(counts) + 1, f"V{_WIDEST}"))
    columns = [_joined([own.get(field.name) for own in held], counts, field.type, nothing) for field in schema]
    return pa.table(columns, schema.names)


def _joined(
    chunks: Sequence[pa.Array | None], counts: Sequence[int], type_: pa.DataType, nothing: pa.Buffer
) -> pa.ChunkedArray | pa.Array:
    """A column of chunks, of which some are so many nulls; `nothing` are zeroes enough for all of it."""
    repeating = next((chunk.dictionary for chunk in chunks if isinstance(chunk, pa.DictionaryArray)), None)
    if repeating is None:
        if all(chunk is None for chunk in chunks):
            return _nulls(type_, sum(counts), nothing)
        return pa.chunked_array(
            [_nulls(type_, n, nothing) if c is None else c for c, n in zip(chunks, counts, strict=True)], type_
        )
    encoded = [_encoded(chunk, count, repeating) for chunk, count in zip(chunks, counts, strict=True)]
    if all(_is_same(chunk.dictionary, repeating) for chunk in encoded):
        return _of(pa.concat_arrays([chunk.indices for chunk in encoded]), repeating)
    return pa.concat_arrays(encoded)


def _nulls(type_: pa.DataType, count: int, nothing: pa.Buffer) -> pa.Array:
    # A landing has few of a hundred columns: to get memory for each of the others takes as long as all else here.
    if isinstance(type_, pa.BaseExtensionType):
        return pa.nulls(count, type_)
    return pa.Array.from_buffers(type_, count, [nothing] * type_.num_buffers, null_count=count)


def _encoded(chunk: pa.Array | None, count: int, values: pa.Array) -> pa.DictionaryArray:
    if chunk is None:
        return _of(pa.nulls(count, _NUMBER), values)
    return chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()


def _of(numbers: pa.Int32Array, values: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(numbers, values, safe=False)


def _is_same(one: pa.Array, other: pa.Array) -> bool:
    """Whether two arrays are one in memory: to compare what they hold takes as long as joining them."""
    places = [[b and b.address for b in array.buffers()] for array in (one, other)]
    return len(one) == len(other) and one.offset == other.offset and places[0] == places[1]
