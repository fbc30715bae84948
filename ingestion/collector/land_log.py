"""Landing one sealed log file. A landing is named by the file's content hash, so doing it again changes nothing."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from almanac.errors import AlmanacError
from ingestion.collector.log_files import load
from ingestion.collector.records import Record, decode
from ingestion.lake import Lake
from ingestion.logged_events import LoggedEvents
from ingestion.privacy.erased_since import ErasedSince

PART_ROWS = 50_000  # rows of one file that is landed; it bounds the memory that a landing takes


@dataclass
class Group:
    """What one source of one tenant sent, and how many events were counted and dropped at the door per UTC day."""

    first: datetime  # when the first of it came
    records: list[Record] = field(default_factory=list)
    received: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    suppressed: dict[date, int] = field(default_factory=lambda: defaultdict(int))

    def events(self) -> LoggedEvents:
        """Its events. Raises ValueError for a record that does not hold what it says."""
        return LoggedEvents.of(self.records)


def land_file(lake: Lake, path: Path, erased: ErasedSince | None = None) -> tuple[int, int]:
    """Land one sealed log file, once, whatever happens in between; returns its accepted and quarantined events.

    With `erased`, who was erased since the events came goes again at once.
    Raises AlmanacError, OSError or ValueError; then nothing is lost and the same can be done again. What cannot be
    landed for one tenant does not keep the others of the file from it.
    """
    content = load(path)
    groups = grouped(content.records)
    accepted = quarantined = 0
    landed: dict[str, list[str]] = defaultdict(list)
    failed: list[str] = []
    for (tenant, source), group in groups.items():
        try:
            done = lake.land(
                tenant,
                source,
                group.events(),
                content_hash=content.content_hash,
                received=group.received,
                suppressed=group.suppressed,
                most_rows=PART_ROWS,
            )
        except (AlmanacError, OSError, ValueError) as error:
            failed.append(f"{tenant}/{source}: {error}")
            continue
        accepted += done.accepted
        quarantined += done.quarantined
        landed[tenant] += done.file_ids
    if erased is not None and landed:
        try:
            erased.forget(lake, landed, min(group.first for group in groups.values()))
        except (AlmanacError, OSError) as error:
            raise AlmanacError(
                f"its events are in the lake, but who of them was erased meanwhile is not gone: {error}"
            ) from error
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise AlmanacError(f"{failed[0]}{more}; the other {len(groups) - len(failed)} sources of the file are landed")
    return accepted, quarantined


def grouped(data: Iterable[bytes]) -> dict[tuple[str, str], Group]:
    """The records of a log file by tenant and source. Raises ValueError for what is no record."""
    groups: dict[tuple[str, str], Group] = {}
    for item in data:
        record = decode(item)
        group = groups.get((record.tenant, record.source))
        if group is None:
            group = groups[record.tenant, record.source] = Group(record.received_at)
        group.first = min(group.first, record.received_at)
        group.records.append(record)
        day = record.received_at.astimezone(UTC).date()
        group.received[day] += record.found
        group.suppressed[day] += record.suppressed
    return groups
