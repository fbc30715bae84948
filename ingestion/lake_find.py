"""Where one event lies, in the lake or in the log before it: for whoever has just sent it and asks."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import duckdb
import pyarrow as pa

from ingestion.lake import Lake
from ingestion.lake_manifest import Entry, Kind
from ingestion.lake_tail import LakeTail
from ingestion.tracking_plan.contracts import Reason

NEWEST = timedelta(days=2)  # how far back an event is looked for, by its arrival


@dataclass(frozen=True)
class Place:
    """A row; `reasons` say why it was refused (none: accepted), `received_at` is UTC, naive.

    `path` is the file of the lake that holds it, empty as long as it is acknowledged but not landed.
    """

    path: str
    file_id: str
    ingest_row: int
    event: str
    received_at: datetime
    reasons: tuple[Reason, ...] = ()


def find(lake: Lake, tenant: str, message_id: UUID, now: datetime | None = None) -> Place | None:
    """The first copy of a message that arrived in the last two days, accepted or refused; None if it is not there.

    `now` (UTC, naive) is the moment from which the days are counted back. Raises AlmanacError if a file is damaged.
    """
    since = (now or datetime.now(UTC).replace(tzinfo=None)) - NEWEST
    for kind in ("events", "quarantine"):
        for entry in _newest(lake, kind, tenant, since):
            place = _look(lake.read(entry), tenant, message_id, entry.path)
            if place is not None:
                return place
    return None


def find_in_tail(tail: LakeTail, tenant: str, message_id: UUID) -> Place | None:
    """As `find`, among what is acknowledged and not landed yet. Raises AlmanacError or OSError if it cannot be read."""
    now = tail.read()
    return _look(now.events, tenant, message_id) or _look(now.quarantine, tenant, message_id)


def _newest(lake: Lake, kind: Kind, tenant: str, since: datetime) -> list[Entry]:
    """Files that hold rows of these days, oldest arrival first: of several copies the first one counts."""
    wanted = since.isoformat(timespec="microseconds")
    entries = [e for e in lake.entries(kind) if e.tenant == tenant and (e.received_max or "") >= wanted]
    return sorted(entries, key=lambda e: (e.received_min or "", e.path))


def _look(rows: pa.Table, tenant: str, message_id: UUID, path: str = "") -> Place | None:
    reasons = "reasons" if "reasons" in rows.column_names else "'[]'"
    with duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"}) as connection:
        connection.register("rows", rows)
        found = connection.execute(
            f"select cast(file_id as varchar), ingest_row, coalesce(event, ''), received_at, {reasons} from rows"
            " where tenant = ? and message_id = ? order by received_at, file_id, ingest_row limit 1",
            [tenant, message_id],
        ).fetchone()
    if found is None:
        return None
    told = tuple(Reason(**reason) for reason in json.loads(found[4]))
    return Place(path, found[0], found[1], found[2], found[3], told)
