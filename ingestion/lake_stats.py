"""What a lake holds, by tenant: days, files, rows, bytes, and what compaction has yet to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingestion.lake_manifest import Entry


@dataclass
class TenantStats:
    """One tenant's share of the lake; times are ISO 8601 in UTC without an offset, by arrival, None without events."""

    tenant: str
    days: int = 0
    files: int = 0
    rows: int = 0  # accepted events
    bytes: int = 0
    quarantined: int = 0
    oldest: str | None = None
    newest: str | None = None
    small_files: int = 0  # that a compaction would make fewer
    pending_deletes: int = 0  # replaced files that a build may still be reading
    _days: set[str] = field(default_factory=set, repr=False)

    def add(self, entry: Entry) -> None:
        """Count one live file."""
        self.files += 1
        self.bytes += entry.bytes
        self._days.add(entry.path.rsplit("/", 2)[1])
        self.days = len(self._days)
        if entry.kind == "quarantine":
            self.quarantined += entry.rows
        if entry.kind == "events":
            self.rows += entry.rows
            self.oldest = min(filter(None, (self.oldest, entry.received_min)), default=None)
            self.newest = max(filter(None, (self.newest, entry.received_max)), default=None)


def stats(
    entries: Iterable[Entry], compactable: Iterable[Sequence[Entry]], waiting: Iterable[Entry]
) -> list[TenantStats]:
    """The statistics of each tenant, by name; `history` belongs to no tenant and is left out."""
    found: dict[str, TenantStats] = {}

    def of(entry: Entry) -> TenantStats:
        return found.setdefault(entry.tenant, TenantStats(entry.tenant))

    for entry in entries:
        if entry.tenant:
            of(entry).add(entry)
    for group in compactable:
        of(group[0]).small_files += len(group)
    for entry in waiting:
        of(entry).pending_deletes += 1
    return [found[tenant] for tenant in sorted(found)]
