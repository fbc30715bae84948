"""One commit: files first, then the document that makes them exist; a crash in between leaves what was announced."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import pyarrow as pa

from ingestion.lake_intents import announce, conclude, refuse_if_late
from ingestion.lake_manifest import Commit, Entry, Kind, Manifest, Superseded
from ingestion.lake_parallel import at_once
from ingestion.lake_schema import parquet, time_range
from ingestion.lake_store import Store


@dataclass(frozen=True)
class NewFile:
    """A file that has no name in the lake yet (its bytes, or where they lie in scratch), and its entry."""

    entry: Entry
    data: memoryview | Path


def new_file(kind: Kind, path: str, table: pa.Table, *, tenant: str, source: str, parts: Mapping[str, int]) -> NewFile:
    """`table` as a file of the lake."""
    data = parquet(kind, table)
    received = time_range(table, "received_at")
    happened = time_range(table, "event_at")
    entry = Entry(
        kind=kind,
        path=path,
        tenant=tenant,
        source=source,
        rows=table.num_rows,
        bytes=data.nbytes,
        sha256=hashlib.sha256(data).hexdigest(),
        received_min=received[0],
        received_max=received[1],
        event_min=happened[0],
        event_max=happened[1],
        parts=dict(parts),
    )
    return NewFile(entry, data)


def landing_files(tenant: str, source: str, day: date, file_id: UUID, tables: Mapping[Kind, pa.Table]) -> list[NewFile]:
    """The files of one landing on a UTC day of arrival; each kind has its file under the landing's id."""
    return [
        new_file(
            kind,
            f"{folder(kind, tenant, day)}/{file_id}.parquet",
            table,
            tenant=tenant,
            source=source,
            parts={str(file_id): 1},
        )
        for kind, table in tables.items()
    ]


def folder(kind: Kind, tenant: str, received_date: date | str) -> str:
    """Where files of one kind, tenant and UTC day of arrival lie."""
    return f"{kind}/tenant={tenant}/received_date={received_date}"


def commit_files(
    store: Store,
    manifest: Manifest,
    commit: str,
    files: Sequence[NewFile],
    replaces: Sequence[str] = (),
    kept_since: datetime | None = None,
    only_if: Callable[[], bool] | None = None,
) -> bool:
    """Write `files`, then the commit that names them. The caller holds the store's lock.

    `kept_since` (UTC) says that what is replaced may still be read for a while, and from when on that counts. Returns
    False if this commit was made already. The entries that it makes (`manifest.entries_of`) may lie under other paths
    than `files` say, where the lock holds nobody back. Raises `lake_manifest.Superseded` if another process was
    quicker: a file of `replaces` is live no more, or `only_if`, asked when no other commit can come between, says no.
    """
    if manifest.has(commit, numbered=bool(replaces) or only_if is not None):
        return False
    if only_if is not None and not only_if():
        raise Superseded("another process of the lake was quicker: do it again")
    started = announce(store, commit, [(file.entry.path, file.entry.sha256) for file in files])
    since = None if kept_since is None else kept_since.isoformat(timespec="seconds")
    entries = at_once(store, partial(_put, store), files)
    refuse_if_late(store, started)
    was_first = manifest.add(Commit(commit, entries, list(replaces), since), only_if)
    conclude(store, commit)
    return was_first


def _put(store: Store, file: NewFile) -> Entry:
    return replace(file.entry, path=store.put_new(file.entry.path, file.data))
