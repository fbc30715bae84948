"""Replays: which landing brought a refused event in after all.

Files are immutable, so a quarantined row is not changed when it is replayed. The landing that replays it says so in a
file of its own kind, which appears in the same commit as the events: a crash leaves both or neither.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import pyarrow as pa

from ingestion.lake_commit import NewFile, landing_files
from ingestion.lake_manifest import Entry, Kind
from ingestion.lake_rows import counters_table
from ingestion.lake_schema import REPLAYS


class Place(NamedTuple):
    """Where a refused event lies: the landing that brought it, and its place there."""

    file_id: UUID
    row: int


class Replayed(NamedTuple):
    """When (naive UTC) and by which landing a refused event was replayed."""

    at: datetime
    file_id: UUID


class ReplayResult(NamedTuple):
    """What became of events that were judged again: places that landed now, and for the others the reasons as JSON."""

    file_id: UUID | None
    landed: frozenset[Place]
    refused: Mapping[Place, str]


def replay_id(tenant: str, source: str, places: Iterable[Place], day: date) -> UUID:
    """The id of a landing that replays the events at `places` on a UTC day."""
    lines = [tenant, source, "replay", day.isoformat(), *(f"{place.file_id}:{place.row}" for place in places)]
    return UUID(bytes=hashlib.sha256("\n".join(lines).encode()).digest()[:16])


def again_files(
    tenant: str, source: str, at: datetime, file_id: UUID, events: pa.Table, places: Mapping[int, Place]
) -> list[NewFile]:
    """The files of a replay at `at` (naive UTC): events, counters, and the marks of the refused rows.

    `places` maps the row of each event in this landing to where the refused one lies. Only what lands is received
    again; what is refused again was counted on the day on which it came.
    """
    arrived = pa.array([at] * events.num_rows, REPLAYS.field("received_at").type)
    day = at.date()
    counts = {"tenant": tenant, "source": source, "received_date": day, "file_id": file_id.bytes}
    tables: dict[Kind, pa.Table] = {
        "events": events.set_column(events.column_names.index("received_at"), "received_at", arrived),
        "counters": counters_table([{**counts, "received": len(places)}]),
        "replays": _marks_table(tenant, source, at, file_id, places),
    }
    return landing_files(tenant, source, day, file_id, tables)


def _marks_table(tenant: str, source: str, at: datetime, file_id: UUID, places: Mapping[int, Place]) -> pa.Table:
    rows = [
        {
            "tenant": tenant,
            "source": source,
            "received_at": at,
            "quarantine_file_id": place.file_id.bytes,
            "quarantine_row": place.row,
            "file_id": file_id.bytes,
            "ingest_row": row,
        }
        for row, place in places.items()
    ]
    return pa.Table.from_pylist(rows, schema=REPLAYS)


def marks(tables: Sequence[pa.Table]) -> dict[Place, Replayed]:
    """The marks that stand in the files of this kind."""
    return {
        Place(row["quarantine_file_id"], row["quarantine_row"]): Replayed(row["received_at"], row["file_id"])
        for table in tables
        for row in table.to_pylist()
    }


def erased(places: Collection[Place], entries: Iterable[Entry], read: Callable[[Entry], pa.Table]) -> set[Place]:
    """Which of these refused events were erased since they landed in the quarantine files `entries`.

    Only a landing that stands at another version than its first one can have lost a row, so hardly a file is read.
    """
    lost: set[Place] = set()
    for entry in entries:
        touched = {UUID(landing) for landing, version in entry.parts.items() if version != 1}
        suspects = {place for place in places if place.file_id in touched}
        if suspects:
            columns = read(entry).select(["file_id", "ingest_row"]).to_pylist()
            lost |= suspects - {Place(row["file_id"], row["ingest_row"]) for row in columns}
    return lost
