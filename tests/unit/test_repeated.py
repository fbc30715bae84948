"""Columns that repeat: joined they hold what they held, and a file has them as it has all others."""

from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.lake_manifest import Kind
from ingestion.lake_schema import parquet, schema_of
from ingestion.repeated import constant, different, numbered, spelt_out, together
from tests.client_messages import PLAN

SCHEMA = pa.schema([("a", pa.string()), ("b", pa.string()), ("n", pa.int64()), ("price", pa.decimal128(18, 4))])
texts = st.lists(st.sampled_from(["x", "y", "ä", None]), min_size=3, max_size=3)


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    """Three rows with some of the columns, of which texts may be numbers of their values."""
    columns: dict[str, pa.Array] = {}
    for name in draw(st.sets(st.sampled_from(["a", "b"]))):
        values = pa.array(draw(texts), pa.string())
        columns[name] = draw(st.sampled_from([values, values.dictionary_encode(), constant("z", 3)]))
    if draw(st.booleans()):
        columns["n"] = pa.array([1, None, 3], pa.int64())
    return pa.RecordBatch.from_pydict(columns or {"n": pa.array([7, 8, 9], pa.int64())})


@given(st.lists(batches(), max_size=4))
def test_batches_together_hold_what_each_of_them_holds(given_: list[pa.RecordBatch]) -> None:
    expected = [{name: row.get(name) for name in SCHEMA.names} for batch in given_ for row in batch.to_pylist()]
    table = together(given_, SCHEMA)
    assert table.to_pylist() == expected
    assert table.cast(SCHEMA).to_pylist() == expected
    table.validate(full=True)


@given(st.lists(st.tuples(st.sampled_from(["x", "y", None]), st.sampled_from(["1", None])), min_size=1))
def test_rows_are_their_different_ones(rows: list[tuple[str | None, str | None]]) -> None:
    columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    found, numbers = different(columns)
    values = list(zip(*(column.to_pylist() for column in found), strict=True))
    assert [values[number] for number in numbers.to_pylist()] == rows
    assert len(values) == len(set(rows))


def test_batches_with_one_dictionary_keep_it() -> None:
    values = numbered(pa.array(["x", "y", None]))
    given_ = [pa.RecordBatch.from_pydict({"a": values.take(pa.array([1, 0, None], pa.int32()))}) for _ in range(2)]
    column = together(given_, SCHEMA)["a"]
    assert pa.types.is_dictionary(column.type)
    assert spelt_out(column.combine_chunks()).to_pylist() == ["y", "x", None, "y", "x", None]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_file_has_the_types_of_its_kind(kind: Kind) -> None:
    schema = schema_of(kind, PLAN)
    assert pq.read_schema(pa.BufferReader(parquet(kind, schema.empty_table()))).remove_metadata() == schema


def test_what_repeats_is_read_as_what_does_not() -> None:
    schema = schema_of("events", PLAN)
    row: dict[str, Any] = {"tenant": "rentals", "event": "x"}
    plain = pa.Table.from_pylist([row] * 3, schema=schema)
    repeating = plain.set_column(0, "tenant", constant("rentals", 3))
    found = pq.read_table(pa.BufferReader(parquet("events", repeating)))
    assert found.schema.remove_metadata() == schema
    assert found.to_pylist() == plain.to_pylist()
