"""Events that tests of the lake land, and what it says that it holds of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.lake_parts import LandResult
from ingestion.tracking_plan import load_plan

PLAN = load_plan()
DAY = date(2026, 3, 1)
NEXT = date(2026, 3, 2)


def arrival(n: int, day: date = DAY, **fields: Any) -> Arrival:
    """The n-th event of a day, received at second n."""
    received = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(seconds=n)
    message = {
        "type": "track",
        "event": "search_performed",
        "messageId": str(UUID(int=day.toordinal() * 1000 + n)),
        "userId": f"user-{n}",
        "timestamp": (received - timedelta(seconds=2)).isoformat(),
        "properties": {"query": f"query {n}", "results_count": n},
        **fields,
    }
    return Arrival(received, message)


def bad(n: int, day: date = DAY) -> Arrival:
    return arrival(n, day, event="no_such_event")


def land(
    lake: Lake,
    arrivals: Sequence[Arrival],
    content: str = "c1",
    received: Mapping[date, int] | None = None,
    **more: Any,
) -> LandResult:
    """Land `arrivals` with the door's counts as they are when nothing went wrong."""
    if received is None:
        received = {}
        for one in arrivals:
            received[one.received_at.date()] = received.get(one.received_at.date(), 0) + 1
    return lake.land("rentals", "web", arrivals, content_hash=content, received=received, **more)


def rows_of(lake: Lake, kind: Any = "events") -> list[dict[str, Any]]:
    """All rows of one kind, as engines see them."""
    files = [lake.schema_file(kind), *(lake.locate(entry.path) for entry in lake.entries(kind))]
    with lake.engine() as connection:
        relation = connection.execute(
            "select * from read_parquet(?, union_by_name = true, hive_partitioning = false)", [files]
        )
        names = [column[0] for column in relation.description or ()]
        return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def sums(lake: Lake) -> dict[str, int]:
    """The counters and the rows where they lie: what reconciliation compares."""
    tables: dict[str, list[dict[str, Any]]] = {"events": [], "quarantine": [], "counters": []}
    for entry in lake.entries():
        tables[entry.kind] += lake.read(entry).to_pylist()
    counts = {name: sum(row[name] for row in tables["counters"]) for name in ("received", "suppressed", "erased")}
    return {**counts, "accepted": len(tables["events"]), "quarantined": len(tables["quarantine"])}
