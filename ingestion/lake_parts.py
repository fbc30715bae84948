"""The parts of a landing: one per UTC day of arrival, each with the id that makes landing it again a no-op."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from ingestion.envelope import Arrival, Unread
from ingestion.tracking_plan.values import to_utc


@dataclass
class Part:
    """The share of a landing that arrived on one UTC day."""

    day: date
    file_id: UUID
    arrivals: list[Arrival | Unread] = field(default_factory=list)


def split(
    tenant: str, source: str, content_hash: str, arrivals: Sequence[Arrival | Unread], days: Iterable[date]
) -> list[Part]:
    """The parts of a landing, one per UTC day of arrival or of a count, in the order of the days."""
    by_day: dict[date, list[Arrival | Unread]] = {day: [] for day in days}
    for arrival in arrivals:
        by_day.setdefault(to_utc(arrival.received_at).date(), []).append(arrival)
    return [Part(day, file_id(tenant, source, content_hash, day), by_day[day]) for day in sorted(by_day)]


def file_id(tenant: str, source: str, content_hash: str, day: date) -> UUID:
    """The id of a landing: the same for the same tenant, source, content and UTC day of arrival."""
    identity = "\n".join((tenant, source, content_hash, day.isoformat()))
    return UUID(bytes=hashlib.sha256(identity.encode()).digest()[:16])
