"""Compaction: many small files of one tenant and UTC day become few, with the same rows, places and versions.

Built and pending landings are treated alike: whether a landing is built is a matter of its version, which moves along.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from almanac.errors import AlmanacError
from ingestion.lake_commit import NewFile, commit_files
from ingestion.lake_cursors import greatest_cursor
from ingestion.lake_manifest import Entry, Kind, Manifest, Superseded
from ingestion.lake_store import Store
from ingestion.lake_stream import batches_of, digest_of, schema_in, write_rows
from ingestion.tracking_plan.names import PLACE

KINDS: tuple[Kind, ...] = ("events", "quarantine", "counters", "replays", "tables")
SHARE = 15  # files of one folder on a day that is still open: of one kind, or of one fetched table
MOST = 4 * SHARE  # files of one tenant on such a day, fetched tables apart
TOGETHER_FILES, TOGETHER_BYTES = 500, 256 * 2**20  # of one commit; small, so that its lock is held for milliseconds


@dataclass(frozen=True)
class Compacted:
    """What a compaction did: how many files it replaced, by how many, and how many old ones it deleted."""

    replaced: int = 0
    written: int = 0
    deleted: int = 0


def plan(entries: Iterable[Entry], today: date) -> list[list[Entry]]:
    """The groups of files that should each become one; `today` is the UTC date, the only day that is open.

    A closed day keeps one file of each kind. An open day is left alone until it has too many; then its smallest files
    become one, so that a large file is not written again and again.
    """
    folders: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.kind in KINDS:
            # A fetched table's folder does not name the tenant, who may be another one by now.
            folders.setdefault((entry.path.rsplit("/", 1)[0], entry.tenant), []).append(entry)
    groups: list[list[Entry]] = []
    for (folder, _), files in sorted(folders.items()):
        if date.fromisoformat(folder.rsplit("received_date=", 1)[1]) < today:
            group = files
        elif len(files) > SHARE:
            group = sorted(files, key=lambda file: (file.bytes, file.path))[: len(files) - SHARE // 2 + 1]
        else:
            continue
        if len(group) > 1:
            groups.append(sorted(group, key=lambda file: (file.received_min or "", file.path)))
    return groups


def compact(
    store: Store,
    manifest: Manifest,
    groups: Sequence[Sequence[Entry]],
    now: datetime,
    advance: Callable[[int], None] = lambda files: None,
) -> Compacted:
    """Make each group one file; `advance` hears how many files are done. The store's lock is held for commits only.

    Raises AlmanacError if a file is not what the manifest says; nothing of its commit is then changed. A group of which
    something was rewritten or compacted meanwhile is left to the next time.
    """
    versions = {
        landing: version
        for entry in manifest.live()
        if entry.kind == "events"
        for landing, version in entry.parts.items()
    }
    replaced = written = 0
    for together in _together(groups):
        with ExitStack() as scratches:
            made: list[tuple[Sequence[Entry], NewFile]] = []
            for group in together:
                try:
                    made += _files_of(store, group, scratches, versions)
                except AlmanacError:
                    if _stands(manifest, group):
                        raise
            done = _commit(store, manifest, made, now)
        replaced, written = replaced + sum(len(files) for files, _ in done), written + len(done)
        advance(sum(len(group) for group in together))
    return Compacted(replaced, written)


def _together(groups: Iterable[Sequence[Entry]]) -> Iterator[list[Sequence[Entry]]]:
    """The groups of one commit after the other."""
    together: list[Sequence[Entry]] = []
    files = size = 0
    for group in groups:
        together.append(group)
        files, size = files + len(group), size + sum(entry.bytes for entry in group)
        if files >= TOGETHER_FILES or size >= TOGETHER_BYTES:
            yield together
            together, files, size = [], 0, 0
    if together:
        yield together


def _files_of(
    store: Store, group: Sequence[Entry], scratches: ExitStack, versions: Mapping[str, int]
) -> list[tuple[Sequence[Entry], NewFile]]:
    """What each of the new files stands for, and the file."""
    return [
        (files, _merged(store, files, schema, scratches.enter_context(store.scratch()), versions))
        for schema, files in _fitting(store, group)
    ]


def _stands(manifest: Manifest, files: Iterable[Entry]) -> bool:
    """Whether all the files are live still."""
    live = {entry.path: entry for entry in manifest.live()}
    return all(live.get(entry.path) == entry for entry in files)


def _fitting(store: Store, group: Sequence[Entry]) -> list[tuple[pa.Schema, list[Entry]]]:
    """The group as sets of at least two files whose columns can lie in one file: a type may have changed between."""
    sets: list[tuple[pa.Schema, list[Entry]]] = []
    for entry in group:
        schema = schema_in(store, entry)
        for index, (known, files) in enumerate(sets):
            try:
                sets[index] = (pa.unify_schemas([known, schema]), [*files, entry])
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                continue
            break
        else:
            sets.append((schema, [entry]))
    return [(_ordered(columns), files) for columns, files in sets if len(files) > 1]


def _ordered(columns: pa.Schema) -> pa.Schema:
    """The columns as in any other file: which landing brought the row stands last."""
    return pa.schema(sorted(columns, key=lambda column: column.name in PLACE))


def _merged(
    store: Store, files: Sequence[Entry], schema: pa.Schema, scratch: Path, versions: Mapping[str, int]
) -> NewFile:
    """The file that stands for `files`, written to `scratch`."""
    first = files[0]
    rows = write_rows(scratch, first.kind, schema, (batch for entry in files for batch in batches_of(store, entry)))
    expected = sum(entry.rows for entry in files)
    if rows != expected:
        raise AlmanacError(f"{first.path} and {len(files) - 1} more hold {rows:,} rows, the manifest says {expected:,}")
    size, sha256 = digest_of(scratch)
    entry = Entry(
        kind=first.kind,
        path=f"{first.path.rsplit('/', 1)[0]}/compacted-{_name(files)}.parquet",
        tenant=first.tenant,
        source=",".join(sorted({name for entry in files for name in entry.source.split(",")})),
        rows=rows,
        bytes=size,
        sha256=sha256,
        received_min=_least(entry.received_min for entry in files),
        received_max=_greatest(entry.received_max for entry in files),
        event_min=_least(entry.event_min for entry in files),
        event_max=_greatest(entry.event_max for entry in files),
        parts=_parts(files, versions),
        cursor_max=greatest_cursor(entry.cursor_max for entry in files),
    )
    return NewFile(entry, scratch)


def _parts(files: Sequence[Entry], versions: Mapping[str, int]) -> dict[str, int]:
    """Every landing of the files with its version; from the manifest, because a landing may have lost all its rows."""
    parts: dict[str, int] = {}
    for entry in files:
        for landing, version in entry.parts.items():
            if entry.kind == "counters":
                # One file counts what the landing received, later ones what it lost: the events say where it stands.
                version = versions.get(landing, version)
            elif parts.get(landing, version) != version:
                raise AlmanacError(f"{entry.path}: landing {landing} stands in another file with another version")
            parts[landing] = version
    return parts


def _commit(
    store: Store, manifest: Manifest, made: Sequence[tuple[Sequence[Entry], NewFile]], now: datetime
) -> list[tuple[Sequence[Entry], NewFile]]:
    """Commit what still stands for live files."""
    if not made:
        return []
    with store.lock():
        live = {entry.path: entry for entry in manifest.live()}
        valid = [(files, new) for files, new in made if all(live.get(entry.path) == entry for entry in files)]
        if not valid:
            return []
        replaced = [entry for files, _ in valid for entry in files]
        commit = f"compacted-{_name(replaced)}"
        try:
            commit_files(store, manifest, commit, [new for _, new in valid], [entry.path for entry in replaced], now)
        except Superseded:
            return []  # only where the lock keeps nobody away
        return valid


def _name(files: Iterable[Entry]) -> str:
    """Follows from what is replaced: the same compaction, done again after a crash, writes the same names."""
    replaced = "\n".join(sorted(f"{entry.path} {entry.sha256}" for entry in files))
    return hashlib.sha256(replaced.encode()).hexdigest()[:32]


def _least(times: Iterable[str | None]) -> str | None:
    return min((time for time in times if time is not None), default=None)


def _greatest(times: Iterable[str | None]) -> str | None:
    return max((time for time in times if time is not None), default=None)
