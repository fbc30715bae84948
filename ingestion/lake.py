"""The lake: plain Parquet files that never change, and the only writer of them.

Belongs here: landing, and what readers and keepers of the lake may ask. Does not belong here: what a row holds
(`ingestion/envelope.py`), columns (`lake_schema.py`), storage (`lake_store.py`), commit documents (`lake_manifest.py`),
how files are rewritten, compacted and checked (`lake_rewrite.py`, `lake_compact.py`, `lake_verify.py`).
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from almanac.errors import AlmanacError
from almanac.object_store import ObjectStore, let_read
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake_commit import NewFile, commit_files, new_file
from ingestion.lake_compact import Compacted, compact, plan
from ingestion.lake_intents import clean_up
from ingestion.lake_manifest import Entry, Kind, Manifest, Superseded
from ingestion.lake_parts import LandResult, part_files, split
from ingestion.lake_replaced import KEEP, delete_replaced, waiting
from ingestion.lake_replays import Place, Replayed, ReplayResult, again_files, erased, marks, replay_id
from ingestion.lake_rewrite import Drop, rewrite
from ingestion.lake_rows import part_tables
from ingestion.lake_schema import HISTORY, parquet, schema_of
from ingestion.lake_store import Store, open_store
from ingestion.lake_stream import batches_of, schema_in
from ingestion.lake_verify import Problem, named, verify_entries, verify_lake
from ingestion.logged_events import Arrivals
from ingestion.tracking_plan import Plan, load_plan
from ingestion.tracking_plan.names import SLUG
from ingestion.tracking_plan.values import to_utc

FOLD_EVERY = 500  # landings, on average and over all processes: their ids are hashes

_HISTORY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Lake:
    """The lake of one installation; make it with `open`. Safe to use from several processes at once."""

    def __init__(
        self, store: Store, root: Path, plan: Plan | None = None, object_store: ObjectStore | None = None
    ) -> None:
        self._store = store
        self._manifest = Manifest(store)
        self._root = root
        self._object_store = object_store
        self._plan = plan

    @classmethod
    def open(cls, settings: Settings, plan: Plan | None = None) -> "Lake":
        """The lake in the bucket or folder of the settings; the plan is loaded when first needed unless it is given."""
        return cls(open_store(settings), settings.root, plan, settings.object_store)

    @property
    def plan(self) -> Plan:
        """The tracking plan by which this lake's rows are judged."""
        if self._plan is None:
            self._plan = load_plan(self._root)
        return self._plan

    def land(
        self,
        tenant: str,
        source: str,
        arrivals: Arrivals,
        *,
        content_hash: str,
        received: Mapping[date, int],
        suppressed: Mapping[date, int] | None = None,
        history_from: date | None = None,
        most_rows: int | None = None,
    ) -> LandResult:
        """Land what arrived: accepted events, quarantined ones and counters, one commit per UTC day of arrival.

        With `most_rows`, a day with more arrivals is landed in parts of so many, one after the other.
        `content_hash` identifies the content (a log segment's or file's hash): landing it again is a no-op.
        `received` and `suppressed` are the door's own counts per UTC day of arrival. `history_from` is the tenant's
        local date from which nothing is too old. Raises AlmanacError for a name that cannot be a folder, or if the
        disk refuses; then the same landing can be done again.
        """
        for what, name in (("tenant", tenant), ("source", source)):
            if not SLUG.fullmatch(name):
                raise AlmanacError(f"{what} {name!r} cannot be landed: use a-z, 0-9, _ and -, at most 63 characters")
        suppressed = suppressed or {}
        parts = split(tenant, source, content_hash, arrivals, {*received, *suppressed}, most_rows)
        accepted = quarantined = 0
        is_new = False
        for part in parts:
            if self._manifest.has(str(part.file_id)):
                continue
            events, refused = part_tables(self.plan, tenant, source, part.arrivals, part.file_id, history_from)
            counts = {"received": 0, "suppressed": 0}
            if part.is_first:
                counts = {"received": received.get(part.day, 0), "suppressed": suppressed.get(part.day, 0)}
            files = part_files(tenant, source, part, events, refused, counts)
            with self._store.lock():
                if part.file_id.int % FOLD_EVERY == 0:
                    self._manifest.fold()
                was_first = commit_files(self._store, self._manifest, str(part.file_id), files)
            if was_first:
                accepted, quarantined, is_new = accepted + events.num_rows, quarantined + refused.num_rows, True
        return LandResult(tuple(str(part.file_id) for part in parts), accepted, quarantined, is_new)

    def land_again(
        self,
        tenant: str,
        source: str,
        refused: Sequence[tuple[Place, Arrival]],
        *,
        received_at: datetime,
        history_from: date | None = None,
    ) -> ReplayResult:
        """Judge refused events of one source again and land those that pass, as arrivals at `received_at` (aware).

        An arrival's own `received_at` is when the event first came, by which its times are judged. The refused rows are
        marked in the same commit, and one that is marked or was erased is left out, so nothing is replayed twice or
        after its erasure, whoever tries. Raises AlmanacError if the disk refuses; then the same can be done again.
        """
        moment = to_utc(received_at)
        while True:
            waiting = self._waiting(tenant, {place for place, _ in refused})
            open_ = [(place, arrival) for place, arrival in refused if place in waiting]
            file_id = replay_id(tenant, source, (place for place, _ in open_), moment.date())
            arrivals = [arrival for _, arrival in open_]
            events, others = part_tables(self.plan, tenant, source, arrivals, file_id, history_from)
            places = {row: open_[row][0] for row in events["ingest_row"].to_pylist()}
            still = dict(zip(others["ingest_row"].to_pylist(), others["reasons"].to_pylist(), strict=True))
            reasons = {open_[row][0]: text for row, text in still.items()}
            if not places:
                return ReplayResult(None, frozenset(), reasons)
            files = again_files(tenant, source, moment, file_id, events, places)
            with suppress(Superseded), self._store.lock():
                landed = frozenset(places.values())
                all_wait = partial(self._all_wait, tenant, landed)
                if commit_files(self._store, self._manifest, str(file_id), files, only_if=all_wait):
                    return ReplayResult(file_id, landed, reasons)

    def _all_wait(self, tenant: str, places: Collection[Place]) -> bool:
        return self._waiting(tenant, places) == places

    def _waiting(self, tenant: str, places: Collection[Place]) -> set[Place]:
        """Those of these refused events that were neither replayed nor erased."""
        return set(places) - self.replayed(tenant).keys() - erased(places, self.entries("quarantine"), self.read)

    def replayed(self, tenant: str | None = None) -> dict[Place, Replayed]:
        """The refused events (of one tenant) that were replayed, by where they lie in quarantine."""
        return marks([self.read(e) for e in self.entries("replays") if tenant is None or e.tenant == tenant])

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """The entries that exist for readers (of one kind), sorted by path."""
        return [entry for entry in self._manifest.live() if kind is None or entry.kind == kind]

    def read(self, entry: Entry) -> pa.Table:
        """The rows of one file. Raises AlmanacError if it is not what the manifest says."""
        problems = verify_entries(self._store, [entry], deep=True)
        if problems:
            raise AlmanacError(f"{entry.path} of the lake: {problems[0].message}")
        # Without threads: one that still holds these bytes when the interpreter ends would take the process with it.
        return pq.ParquetFile(pa.BufferReader(self._store.read(entry.path)), pre_buffer=False).read(use_threads=False)

    def batches(self, entry: Entry) -> Iterator[pa.RecordBatch]:
        """The rows of one file, a few at a time. Raises AlmanacError if it is not what the manifest says."""
        schema_in(self._store, entry)
        yield from batches_of(self._store, entry)

    def rewrite(self, path: str, drop: Drop) -> Entry:
        """Write a file of events, of refused ones or of fetched rows anew without those that `drop` says.

        `drop` is SQL or a function. Landings that lose rows get their next version, the counters say how many events
        were erased, and the former file is deleted, as are those it was compacted from. Returns the new entry, or the
        standing one if no row was dropped. Raises AlmanacError for a path that is no such live file or a condition that
        cannot be applied.
        """
        with self._store.lock():
            delete_replaced(self._store, self._manifest)  # again, if a rewrite died before it came to that
            live = [*self.entries("events"), *self.entries("quarantine"), *self.entries("tables")]
            entry = next((entry for entry in live if entry.path == path), None)
            if entry is None:
                raise AlmanacError(
                    f"{path!r} is no live file of events, refused ones or fetched rows: take a path from the entries"
                )
            new = rewrite(self._store, self._manifest, entry, drop)
            delete_replaced(self._store, self._manifest)
            return new

    def compact(
        self,
        today: date | None = None,
        *,
        tenant: str | None = None,
        keep: timedelta | None = KEEP,
        advance: Callable[[int], None] = lambda files: None,
    ) -> Compacted:
        """Make few files of many, without changing a row or a version: no work for a build, built or pending.

        `today` (a UTC date, by default the current one) is still open: it keeps at most `lake_compact.MOST` files per
        tenant; any other day keeps one of each kind. A build may be reading what is replaced, so that is deleted by a
        compaction `keep` later (None: by none). `advance` hears how many files are done. Raises AlmanacError if a file
        is damaged.
        """
        now = datetime.now(UTC)
        done = compact(self._store, self._manifest, self.compactable(today, tenant), now, advance)
        with self._store.lock():
            left = clean_up(self._store, named(self._manifest))
            old = delete_replaced(
                self._store, self._manifest, now if keep is not None else None, KEEP if keep is None else keep
            )
            self._manifest.fold()
        return replace(done, deleted=len(left) + len(old))

    def fold(self, least: int) -> int:
        """Fold the manifest's documents, if they are at least so many, into one; how many were folded."""
        with self._store.lock():
            return self._manifest.fold(least)

    def compactable(self, today: date | None = None, tenant: str | None = None) -> list[list[Entry]]:
        """The files (of one tenant) that a compaction would make one, group by group."""
        entries = [entry for entry in self.entries() if tenant is None or entry.tenant == tenant]
        return plan(entries, today or datetime.now(UTC).date())

    def waiting(self) -> list[Entry]:
        """The replaced files that still wait for their deletion."""
        return waiting(self._store, self._manifest)

    def verify(
        self,
        entries: Iterable[Entry] | None = None,
        *,
        deep: bool = True,
        hashed: Collection[str] | None = None,
        advance: Callable[[int], None] = lambda files: None,
    ) -> list[Problem]:
        """Problems of these entries' files, or by default of the whole lake, unmanaged files included.

        Compares existence and size, and with `deep` every byte with its SHA-256; of the whole lake only of the paths in
        `hashed`, if that is given. `advance` hears how many files of the whole lake are done.
        """
        if entries is not None:
            return verify_entries(self._store, entries, deep)
        return verify_lake(self._store, self._manifest, hashed if deep else (), advance)

    def history(self, name: str) -> Entry | None:
        """What `append_history` kept for this publication, or None."""
        return next(iter(self._manifest.entries_of(f"history-kpi-{name}")), None)

    def append_history(self, name: str, table: pa.Table) -> Entry:
        """Keep what a publication changed in `kpi_values` as `history/kpi/<name>.parquet`; a second time is a no-op.

        `table` has the columns of `lake_schema.HISTORY` in any order. Raises AlmanacError if it does not, or if `name`
        cannot be a file's name.
        """
        if not _HISTORY_NAME.fullmatch(name):
            raise AlmanacError(f"{name!r} cannot name a publication's history: use letters, digits, _, . and -")
        try:
            rows = table.select(HISTORY.names).cast(HISTORY)
        except (KeyError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise AlmanacError(f"the history of {name!r} does not fit the lake's columns: {error}") from error
        commit = f"history-kpi-{name}"
        file = new_file("history", f"history/kpi/{name}.parquet", rows, tenant="", source="", parts={})
        with self._store.lock():
            commit_files(self._store, self._manifest, commit, [file])
        return self._manifest.entries_of(commit)[0]

    def append_table(self, commit: str, file: NewFile) -> bool:
        """Keep a file of a foreign table's rows (`lake_tables.py` makes it); False if this commit was made already."""
        with self._store.lock():
            return commit_files(self._store, self._manifest, commit, [file])

    def schema_file(self, kind: Kind) -> str:
        """The address of a file without rows with all columns of one kind under the current plan; made when absent."""
        path = f"schema/{kind}-{self.plan.version}.parquet"
        data = parquet(kind, schema_of(kind, self.plan).empty_table())
        with self._store.lock():
            stored = self._store.stat(path)
            if stored is None or self._store.read(path) != data:
                self._store.put(path, data)
        return self.locate(path)

    def engine(self) -> duckdb.DuckDBPyConnection:
        """A new DuckDB connection, in memory, that can read what `locate` gives; the caller closes it."""
        connection = duckdb.connect()
        let_read(connection, self._object_store)
        return connection

    def locate(self, path: str) -> str:
        """What an engine is given to read a file: its path on this machine, or its address in the object store.

        Raises AlmanacError if `path` leads out of the lake.
        """
        return self._store.locate(path)
