"""Erasing a person from the lake: the rows about them, of accepted and of refused events, whatever day they came.

A row is about a person by the same ids by which the door recognises a suppressed one (`suppression.py`), so what would
be dropped if it came today is what is erased. Each row is counted as erased on the day on which it came: a refused
event that was replayed arrived twice, and is erased twice.
"""

import json
import secrets
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from almanac.state import hash_id
from ingestion.collector.messages import Unreadable, read
from ingestion.lake import Lake
from ingestion.lake_manifest import Kind
from ingestion.privacy.suppression import SuppressedPeople

_NAMED_INSIDE = frozenset({"identify", "group", "alias"})  # whose properties may say who they are about


class Erased(NamedTuple):
    """How many rows of a person were erased."""

    events: int
    refused: int


def erase(lake: Lake, tenant: str, ids: Collection[str]) -> Erased:
    """Erase the person of a tenant who is known by any of `ids` (users, visitors, e-mail addresses).

    Nothing says that no more of them comes in: suppress them first. Raises AlmanacError if a file is damaged or was
    replaced by another process meanwhile; then the same can be done again.
    """
    secret = secrets.token_bytes(32)
    people = SuppressedPeople(tenant, secret, frozenset(hash_id(secret, tenant, text) for text in ids))
    # What was refused first: a replay that comes in between leaves an event, and that is looked for afterwards.
    refused = _drop(lake, tenant, "quarantine", partial(_refused_of, people))
    return Erased(_drop(lake, tenant, "events", partial(_events_of, people)), refused)


def _drop(lake: Lake, tenant: str, kind: Kind, about: Callable[[Mapping[str, Any]], bool]) -> int:
    """Rewrite every file of a kind without the rows that are `about` somebody; how many these were."""
    columns = _COLUMNS[kind]

    def drop(batch: pa.RecordBatch) -> pa.Array:
        return pa.array([about(row) for row in batch.select(columns).to_pylist()], pa.bool_())

    count = 0
    seen: set[str] = set()
    # Asked for again after each file: what is compacted or landed meanwhile lies elsewhere.
    while left := [e for e in lake.entries(kind) if e.tenant == tenant and e.path not in seen]:
        standing = lake.rewrite(left[0].path, drop)
        seen |= {left[0].path, standing.path}
        count += left[0].rows - standing.rows
    return count


_COLUMNS: dict[Kind, list[str]] = {
    "events": ["type", "user_id", "anonymous_id", "context", "properties"],
    "quarantine": ["payload"],
}


def _events_of(people: SuppressedPeople, row: Mapping[str, Any]) -> bool:
    """Whether an accepted event is about one of the people; most are known by their ids, without reading JSON."""
    if row["user_id"] in people or row["anonymous_id"] in people:
        return True
    context = row["context"] if row["context"] and '"traits"' in row["context"] else None
    properties = row["properties"] if row["type"] in _NAMED_INSIDE else None
    inside = {"context": context, "properties": properties}
    return people.owns({"type": row["type"], **{name: json.loads(text) for name, text in inside.items() if text}})


def _refused_of(people: SuppressedPeople, row: Mapping[str, Any]) -> bool:
    raw = row["payload"].encode()
    try:
        message = read(raw)
    except Unreadable:
        message = raw
    return people.owns(message if isinstance(message, dict) else raw)
