"""Lines of access logs that could not be read: quarantined as they came, and once, in whatever file they come again."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.privacy.patterns import mask
from ingestion.sources.file_rows import Unreadable
from ingestion.sources.message_ids import uuid_of
from ingestion.sources.problems import FileProblem
from ingestion.tracking_plan.contracts import Reason


def named(source: str, unreadable: Mapping[int, Unreadable]) -> Iterator[tuple[int, Unreadable, UUID]]:
    """Row, content and name of a file's unreadable lines: what a line says, and how many equal ones stand above it.

    The name is made of what is kept of a line: that of a card number would give the number away.
    """
    seen: Counter[str] = Counter()
    for row, found in unreadable.items():
        kept, _ = mask(found.text, frozenset({"card", "email", "phone"}))
        seen[kept] += 1
        yield row, found, UUID(uuid_of("\n".join((source, "unreadable", kept, str(seen[kept])))))


def arrival(received_at: datetime, found: Unreadable, name: UUID) -> Arrival:
    """A line that is quarantined as it came; `received_at` is aware."""
    reason = Reason("", FileProblem.code, f"line {found.line:,} {found.why}")
    return Arrival(received_at, found.text.encode(), (reason,), identity_required=False, own_id=name.bytes)


def quarantined(lake: Lake, tenant: str, source: str) -> set[UUID]:
    """The names of a source's lines that stand in quarantine."""
    files = [entry for entry in lake.entries("quarantine") if (entry.tenant, entry.source) == (tenant, source)]
    ids = (row for entry in files for batch in lake.batches(entry) for row in batch.column("message_id").to_pylist())
    return {found if isinstance(found, UUID) else UUID(bytes=found) for found in ids if found is not None}
