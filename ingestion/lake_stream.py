"""Rows of the lake read and written a few at a time, so that a file may be larger than memory."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from almanac.errors import AlmanacError
from ingestion.lake_manifest import Entry, Kind
from ingestion.lake_schema import ROW_GROUP, parquet_writer
from ingestion.lake_store import Store

BATCH = 16_384  # rows read at one time
GROUP_BYTES = 64 * 2**20  # of a row group before compression: events can be large


def schema_in(store: Store, entry: Entry) -> pa.Schema:
    """The columns of a file, once every byte of it is what the manifest says. Raises AlmanacError if it is not."""
    with _opened(store, entry) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:  # type: ignore[arg-type]
            raise AlmanacError(f"{entry.path} of the lake: its content is not what was written; restore it from a copy")
        file.seek(0)
        return pq.read_schema(file)


def batches_of(store: Store, entry: Entry) -> Iterator[pa.RecordBatch]:
    """The rows of a file in their order; check it with `schema_in` before."""
    with _opened(store, entry) as file:
        yield from pq.ParquetFile(file).iter_batches(BATCH)


def write_rows(file: Path, kind: Kind, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write rows to a local file, with the columns of `schema` (null where a batch has none); the number of rows.

    Raises AlmanacError if the disk refuses.
    """
    rows = 0
    try:
        with file.open("wb") as sink, parquet_writer(kind, sink, schema) as writer:
            for group in _groups(_fitted(batch, schema) for batch in batches):
                writer.write_table(pa.Table.from_batches(group, schema), ROW_GROUP)
                rows += sum(batch.num_rows for batch in group)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AlmanacError(f"cannot write {file}: {reason}; see to the disk, then do it again") from error
    return rows


def digest_of(file: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a local file."""
    with file.open("rb") as content:
        return file.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest()


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """The batches of one row group after the other."""
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        group.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= ROW_GROUP or size >= GROUP_BYTES:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(field.name) if field.name in batch.schema.names else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _opened(store: Store, entry: Entry) -> BinaryIO:
    try:
        return store.open(entry.path)
    except FileNotFoundError:
        text = "the manifest names it, but it is not there; restore it from a copy"
        raise AlmanacError(f"{entry.path} of the lake: {text}") from None
