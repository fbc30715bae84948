"""Rows of foreign tables in the lake: appended as they were fetched, and what of a table has been fetched so far.

A row is kept as JSON text beside its key and cursor, so a column that appears, vanishes or changes its type tomorrow
needs no new file format. The current row of a key is the one with the greatest (cursor, received_at, file_id,
ingest_row). How far a table has been read is never stored beside the lake: it is the greatest cursor in its manifest.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import pyarrow as pa

from almanac.errors import AlmanacError
from ingestion.lake import Lake
from ingestion.lake_commit import NewFile, new_file
from ingestion.lake_cursors import greatest_cursor, normal_cursor
from ingestion.lake_manifest import Entry
from ingestion.lake_parts import file_id
from ingestion.lake_schema import TABLES
from ingestion.tracking_plan.names import SLUG
from ingestion.tracking_plan.values import to_utc


@dataclass(frozen=True)
class TableRow:
    """One fetched row: its key (JSON list of values), its cursor as text that sorts, and all of it as JSON."""

    key: str
    cursor: str | None
    data: str

    @property
    def digest(self) -> bytes:
        """Hash of all of it."""
        return digest(self.key, self.cursor, self.data)


@dataclass(frozen=True)
class Table:
    """A foreign table: whose it is, and how source and table are called in the lake."""

    tenant: str
    source: str
    table: str

    def __post_init__(self) -> None:
        for what, name in (("tenant", self.tenant), ("source", self.source), ("table", self.table)):
            if not SLUG.fullmatch(name):
                raise AlmanacError(f"{what} {name!r} cannot be landed: use a-z, 0-9, _ and -, at most 63 characters")

    def entries(self, lake: Lake) -> list[Entry]:
        """The table's files."""
        folder = f"tables/{self.source}/{self.table}/"
        return [e for e in lake.entries("tables") if e.tenant == self.tenant and e.path.startswith(folder)]


def digest(key: str, cursor: str | None, data: str) -> bytes:
    """Hash of a row's key, cursor and content; the same however an instant is written as a cursor."""
    return hashlib.sha256(f"{key}\0{normal_cursor(cursor or '')}\0{data}".encode()).digest()[:16]


def state_of(lake: Lake, table: Table) -> str:
    """Differs whenever something landed in the table; compacting it and erasing from it changes nothing."""
    landings = sorted({landing for entry in table.entries(lake) for landing in entry.parts})
    return hashlib.sha256("\n".join(landings).encode()).hexdigest() if landings else ""


def land_rows(lake: Lake, table: Table, rows: Sequence[TableRow], received_at: datetime, after: str = "") -> bool:
    """Append rows as one file. Returns whether it is new.

    Landing the same rows again on that UTC day is a no-op, unless `after`, the state (`state_of`) in which they were
    found to be new, is another one: what a value comes back to has landed before.
    """
    if not rows:
        return False
    arrived = to_utc(received_at)
    content = hashlib.sha256(b"".join(row.digest for row in rows)).hexdigest()
    found = f"{table.table}\n{content}\n{after}" if after else f"{table.table}\n{content}"
    landing = file_id(table.tenant, table.source, found, arrived.date())
    count = len(rows)
    columns = {
        "tenant": [table.tenant] * count,
        "source": [table.source] * count,
        "table_name": [table.table] * count,
        "received_at": [arrived] * count,
        "row_key": [row.key for row in rows],
        "row_cursor": [row.cursor for row in rows],
        "data": [row.data for row in rows],
        "file_id": [landing.bytes] * count,
        "ingest_row": list(range(count)),
    }
    path = f"tables/{table.source}/{table.table}/received_date={arrived.date()}/{landing}.parquet"
    file = _file(table, path, pa.Table.from_pydict(columns, TABLES), str(landing), [row.cursor for row in rows])
    return lake.append_table(str(landing), file)


def _file(table: Table, path: str, rows: pa.Table, landing: str, cursors: Sequence[str | None]) -> NewFile:
    file = new_file("tables", path, rows, tenant=table.tenant, source=table.source, parts={landing: 1})
    return replace(file, entry=replace(file.entry, cursor_max=greatest_cursor(cursors)))


def reached(lake: Lake, table: Table) -> str | None:
    """The greatest cursor that has landed, by the manifest; None if nothing with a cursor has."""
    return greatest_cursor(e.cursor_max for e in table.entries(lake))


def landed_digests(lake: Lake, table: Table, since: str | None) -> set[bytes]:
    """Hashes of the landed rows whose cursor is `since` or later; without a cursor, of each key's current row."""
    if since is None:
        return {digest(*row) for row in current_rows(lake, table.entries(lake))}
    return {digest(*row) for row in _rows(lake, *_from(lake, table, since))}


def current_since(lake: Lake, table: Table, since: str) -> dict[str, tuple[str, bytes]]:
    """By key the cursor (compared as `normal_cursor`) and hash of each current row whose cursor is `since` or later."""
    rows = _last_rows(lake, *_from(lake, table, since))
    return {key: (normal_cursor(cursor or ""), digest(key, cursor, data)) for key, cursor, data in rows}


def _from(lake: Lake, table: Table, since: str) -> tuple[list[Entry], str, str]:
    """The files that can hold rows from a cursor on, which of their rows these are, and the least of their cursors."""
    least = normal_cursor(since)
    files = [e for e in table.entries(lake) if e.cursor_max is not None and normal_cursor(e.cursor_max) >= least]
    return files, "normal_cursor(row_cursor) >= $since", least


def landed_without_cursor(lake: Lake, table: Table) -> set[bytes]:
    """Hashes of what landed last of each key among the rows without a cursor."""
    return {digest(*row) for row in _last_rows(lake, table.entries(lake), "row_cursor is null")}


def current_rows(lake: Lake, entries: Sequence[Entry]) -> Iterator[tuple[str, str | None, str]]:
    """Key, cursor and content of each key's current row in these files."""
    return _last_rows(lake, entries, "true")


def _last_rows(
    lake: Lake, entries: Sequence[Entry], where: str, since: str = ""
) -> Iterator[tuple[str, str | None, str]]:
    order = "normal_cursor(row_cursor) desc nulls last, received_at desc, file_id desc, ingest_row desc"
    return _rows(lake, entries, f"{where} qualify row_number() over (partition by row_key order by {order}) = 1", since)


def _rows(lake: Lake, entries: Sequence[Entry], where: str, since: str = "") -> Iterator[tuple[str, str | None, str]]:
    if not entries:
        return
    read = pa.concat_tables([lake.read(entry) for entry in entries])
    with duckdb.connect(":memory:") as db:
        db.register("landed", read)
        # What landed when cursors were kept as they came is compared as if they had not been.
        db.create_function("normal_cursor", normal_cursor, ["VARCHAR"], "VARCHAR")
        query = f"select row_key, row_cursor, data from landed where {where}"
        yield from db.execute(query, {"since": since} if "$since" in query else {}).fetchall()
