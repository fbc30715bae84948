"""Dropping rows from a file of accepted events, of refused ones or of fetched rows: what erasure needs.

The file is written anew as its next version.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from almanac.errors import AlmanacError
from ingestion.lake_commit import NewFile, commit_files, new_file
from ingestion.lake_manifest import Entry, Manifest, Superseded
from ingestion.lake_rows import counters_table
from ingestion.lake_schema import time_range
from ingestion.lake_store import Store
from ingestion.lake_stream import batches_of, digest_of, schema_in, write_rows

# Which rows go: an SQL condition, or what says it of each row of a batch as booleans.
Drop = str | Callable[[pa.RecordBatch], pa.Array]

_VERSION = re.compile(r"^(?P<stem>.*?)(?:-v(?P<version>[0-9]+))?\.parquet$")


class Dropped(NamedTuple):
    """Rows that one landing lost."""

    source: str
    received_date: date
    file_id: UUID
    places: tuple[int, ...]  # their `ingest_row`, in order


def rewrite(store: Store, manifest: Manifest, entry: Entry, drop: Drop) -> Entry:
    """Commit the next version of a file of events, quarantine or tables, without the rows for which `drop` is true.

    Of events the counters say how many were erased; fetched rows are in no count of what was received. How far a table
    has been read stays known, or the erased rows would be asked for once more. The caller holds the store's lock.
    Returns the entry of the new file, or `entry` if no row was dropped.
    """
    schema = schema_in(store, entry)
    masks, dropped = _rows_to_drop(batches_of(store, entry), drop)
    if not dropped:
        return entry
    parts, name = next_versions(entry, dropped), next_name(entry.path)
    where = entry.path.rsplit("/", 1)[0]
    # One landing has both kinds of files under one name, and each is rewritten by itself.
    commit = name if entry.kind == "events" else f"{entry.kind}-{name}"
    times: dict[str, list[str]] = {"received_at": [], "event_at": []}

    def kept() -> Iterator[pa.RecordBatch]:
        for batch, mask in zip(batches_of(store, entry), masks, strict=True):
            left = batch.filter(pc.invert(mask))
            for column, found in times.items():
                found += [time for time in time_range(pa.table(left), column) if time is not None]
            yield left

    with store.scratch() as scratch:
        rows = write_rows(scratch, entry.kind, schema, kept())
        size, sha256 = digest_of(scratch)
        new = Entry(
            kind=entry.kind,
            path=f"{where}/{name}.parquet",
            tenant=entry.tenant,
            source=entry.source,
            rows=rows,
            bytes=size,
            sha256=sha256,
            received_min=min(times["received_at"], default=None),
            received_max=max(times["received_at"], default=None),
            event_min=min(times["event_at"], default=None),
            event_max=max(times["event_at"], default=None),
            parts=dict(parts),
            cursor_max=entry.cursor_max,
        )
        files = [NewFile(new, scratch)]
        if entry.kind != "tables":
            files.append(_erased(entry, dropped, f"counters/{where.split('/', 1)[1]}/{commit}.parquet", parts))
        if not commit_files(store, manifest, commit, files, [entry.path]):
            raise Superseded(f"{entry.path} of the lake was rewritten by another process meanwhile: do it again")
    return next(made for made in manifest.entries_of(commit) if made.kind == entry.kind)


def _erased(entry: Entry, dropped: Sequence[Dropped], path: str, parts: Mapping[str, int]) -> NewFile:
    """The counters of what the landings lost."""
    rows = [
        {
            "tenant": entry.tenant,
            "source": lost.source,
            "received_date": lost.received_date,
            "erased": len(lost.places),
            "file_id": lost.file_id.bytes,
        }
        for lost in dropped
    ]
    touched = {str(lost.file_id): parts[str(lost.file_id)] for lost in dropped}
    table = counters_table(rows)
    return new_file("counters", path, table, tenant=entry.tenant, source=entry.source, parts=touched)


def _rows_to_drop(batches: Iterable[pa.RecordBatch], drop: Drop) -> tuple[list[pa.Array], list[Dropped]]:
    """For each batch which rows go, and what each landing loses by that.

    A condition that is neither true nor false for a row keeps it. Raises AlmanacError if DuckDB cannot understand it.
    """
    masks: list[pa.Array] = []
    lost: dict[tuple[str, date, UUID], list[int]] = {}
    with duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"}) as connection:
        connection.execute("set python_enable_replacements = false")
        for batch in batches:
            mask = _where(connection, batch, drop) if isinstance(drop, str) else drop(batch)
            masks.append(mask)
            for row in batch.select(["source", "received_at", "file_id", "ingest_row"]).filter(mask).to_pylist():
                landing = (row["source"], row["received_at"].date(), row["file_id"])
                lost.setdefault(landing, []).append(row["ingest_row"])
    return masks, [Dropped(*landing, tuple(sorted(places))) for landing, places in sorted(lost.items())]


def _where(connection: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, drop: str) -> pa.Array:
    connection.register("rows", pa.table(batch))
    try:
        found = connection.execute(f"select coalesce(({drop}), false) as drop_it from rows").to_arrow_table()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise AlmanacError(f"the condition {drop!r} cannot be applied to these rows: {reason}") from error
    return found["drop_it"].combine_chunks()


def next_versions(entry: Entry, dropped: Sequence[Dropped]) -> Mapping[str, int]:
    """The entry's landings with a new version for each that loses rows."""
    lost = {str(row.file_id): row.places for row in dropped}
    return {
        file_id: next_version(version, lost[file_id]) if file_id in lost else version
        for file_id, version in entry.parts.items()
    }


def next_version(version: int, places: Iterable[int]) -> int:
    """The version of a landing that loses the rows at `places` (their `ingest_row`).

    It follows from what the landing then holds, so that it never stands for two contents: a lake that is restored
    from a back-up and erased differently would count to the same number again. Always above 1, the landed version.
    """
    content = f"{version}\n{','.join(map(str, sorted(places)))}"
    return int.from_bytes(hashlib.sha256(content.encode()).digest()[:8]) >> 2 | 1 << 62


def next_name(path: str) -> str:
    """The stem of the file's next version: `<name>-v2`, then `-v3`."""
    match = _VERSION.match(path.rsplit("/", 1)[-1])
    if match is None:
        raise AlmanacError(f"{path!r} is not a file of the lake: it must end in .parquet")
    return f"{match['stem']}-v{int(match['version'] or 1) + 1}"
