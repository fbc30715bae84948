"""The parts of a landing: per UTC day of arrival at least one, each with the id that makes landing it again a no-op."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pyarrow as pa

from ingestion.envelope import Arrival
from ingestion.lake_commit import NewFile, landing_files
from ingestion.lake_manifest import Kind
from ingestion.lake_rows import counters_table
from ingestion.logged_events import Arrivals, LoggedEvents
from ingestion.tracking_plan.names import ENVELOPE, PLACE
from ingestion.tracking_plan.values import to_utc

_ALWAYS = {*ENVELOPE, *PLACE}


@dataclass
class Part:
    """The share of a landing that arrived on one UTC day, or a piece of it; the first piece brings the day's counts."""

    day: date
    file_id: UUID
    is_first: bool
    arrivals: Arrivals = ()


@dataclass(frozen=True)
class LandResult:
    """What a landing brought: its parts' ids (one per UTC day of arrival), and the rows that are new by it."""

    file_ids: tuple[str, ...]
    accepted: int = 0
    quarantined: int = 0
    is_new: bool = False


def split(
    tenant: str,
    source: str,
    content_hash: str,
    arrivals: Arrivals,
    days: Iterable[date],
    most_rows: int | None = None,
) -> list[Part]:
    """The parts of a landing, one per UTC day of arrival or of a count, in the order of the days.

    A day with more than `most_rows` arrivals has several, in their order.
    """
    by_day = arrivals.by_day() if isinstance(arrivals, LoggedEvents) else _by_day(arrivals)
    parts = []
    for day in sorted({*by_day, *days}):
        arrived: Arrivals = by_day.get(day, ())
        step = most_rows or max(len(arrived), 1)
        for number, start in enumerate(range(0, max(len(arrived), 1), step)):
            name = file_id(tenant, source, content_hash, day, number)
            parts.append(Part(day, name, number == 0, arrived[start : start + step]))
    return parts


def _by_day(arrivals: Iterable[Arrival]) -> dict[date, list[Arrival]]:
    by_day: dict[date, list[Arrival]] = {}
    for arrival in arrivals:
        by_day.setdefault(to_utc(arrival.received_at).date(), []).append(arrival)
    return by_day


def file_id(tenant: str, source: str, content_hash: str, day: date, number: int = 0) -> UUID:
    """The id of a landing: the same for the same tenant, source, content, UTC day of arrival and number of the part."""
    identity = "\n".join((tenant, source, content_hash, day.isoformat(), *([str(number)] if number else ())))
    return UUID(bytes=hashlib.sha256(identity.encode()).digest()[:16])


def part_files(
    tenant: str, source: str, part: Part, events: pa.Table, refused: pa.Table, counts: Mapping[str, int]
) -> list[NewFile]:
    """The files of a landing part: its events, its counters, and what was refused if anything was."""
    file_id = part.file_id
    counter = {"tenant": tenant, "source": source, "received_date": part.day, "file_id": file_id.bytes, **counts}
    # Events also without rows: the landing must be seen as new, so that its counters and refusals are built.
    tables: dict[Kind, pa.Table] = {"events": _told(events), "counters": counters_table([counter])}
    if refused.num_rows:
        tables["quarantine"] = refused
    return landing_files(tenant, source, part.day, file_id, tables)


def _told(events: pa.Table) -> pa.Table:
    """Events without the columns that none of them fills.

    A landing has few of all properties that the tracking plan declares; a reader gets the others from the schema file,
    which says their types, and is spared a chunk of nothing for each of them in each file.
    """
    return events.select(
        [c.name for c in events.schema if c.name in _ALWAYS or events[c.name].null_count < len(events)]
    )
