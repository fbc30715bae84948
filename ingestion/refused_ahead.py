"""Which events of the lake a changed tracking plan would refuse, if they came again."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.envelope import Arrival, EventRow, QuarantineRow, to_row
from ingestion.lake import Lake
from ingestion.lake_manifest import Entry
from ingestion.tracking_plan.compare import Change
from ingestion.tracking_plan.model import Plan

_COLUMNS = ("tenant", "source", "type", "event", "original_event", "user_id", "anonymous_id", "received_at", "context")
_NOT_KNOWN = frozenset({"unknown_tenant", "unknown_event"})
BATCH = 8192


class Ahead(NamedTuple):
    """How many events were judged, and how many of them would be refused, by tenant, event, code and field."""

    judged: int
    refused: Counter[tuple[str, str, str, str]]


def refused_ahead(
    lake: Lake,
    old: Plan,
    new: Plan,
    changes: Sequence[Change],
    days: int,
    each: Callable[[int], None] = lambda _: None,
) -> Ahead:
    """Judge by `new` the accepted events of the last `days` days that the lake knows and that a change concerns.

    They were accepted by a plan like `old`, by which they get back the names under which they came.
    """
    breaking = [change for change in changes if change.is_breaking]
    refused: Counter[tuple[str, str, str, str]] = Counter()
    judged = 0
    for entry in _newest(lake, days) if breaking else ():
        concerned = [change for change in breaking if change.tenant in (None, entry.tenant)]
        for row in _rows(lake.read(entry), concerned):
            judged += 1
            arrival = Arrival(row["received_at"].replace(tzinfo=UTC), _message(old, row), identity_required=False)
            result = to_row(new, row["tenant"], row["source"], arrival)
            if isinstance(result, QuarantineRow) and _is_change(
                to_row(old, row["tenant"], row["source"], arrival), result
            ):
                refused[row["tenant"], row["event"], result.code, result.field] += 1
            each(1)
    return Ahead(judged, refused)


def _is_change(before: EventRow | QuarantineRow, after: QuarantineRow) -> bool:
    """Whether the changes refuse it. What the plan of then would refuse as well came by yet another one.

    A tenant or event that it did not even know is newer than it, and so is what this would be refused for.
    """
    return not isinstance(before, QuarantineRow) or (before.code in _NOT_KNOWN and before.code != after.code)


def _newest(lake: Lake, days: int) -> list[Entry]:
    entries = [entry for entry in lake.entries("events") if entry.received_max is not None]
    newest = max((entry.received_max or "" for entry in entries), default="")
    if not newest:
        return []
    first = (datetime.fromisoformat(newest) - timedelta(days=days)).isoformat(timespec="microseconds")
    return [entry for entry in entries if (entry.received_max or "") > first]


def _rows(table: pa.Table, changes: Sequence[Change]) -> Iterator[dict[str, Any]]:
    """The events of a file that one of these changes concerns."""
    if not changes:
        return
    if all(change.event is not None for change in changes):
        wanted = pa.array(sorted({change.event for change in changes if change.event is not None}))
        table = table.filter(pc.is_in(table["event"], value_set=wanted))
    for batch in table.select([*_COLUMNS, "properties"]).to_batches(BATCH):
        yield from batch.to_pylist()


def _message(plan: Plan, row: dict[str, Any]) -> dict[str, Any]:
    """The message that became this row, as far as judging it goes: under the names that its client gave."""
    properties = json.loads(row["properties"])
    tenant = plan.tenants.get(row["tenant"])
    alias = tenant.events.get(row["original_event"] or "") if tenant is not None else None
    if alias is not None:
        theirs = {ours: name for name, ours in alias.properties.items()}
        properties = {theirs.get(name, name): value for name, value in properties.items()}
    where = "traits" if row["type"] in ("identify", "group") else "properties"
    return {
        "type": row["type"],
        "event": row["original_event"] or row["event"],
        "userId": row["user_id"],
        "anonymousId": row["anonymous_id"],
        "messageId": "judged again",
        "context": json.loads(row["context"]) if row["context"] else None,
        where: properties,
    }
