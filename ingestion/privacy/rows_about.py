"""Which rows of the lake are about some people: by the same ids by which the door recognises suppressed ones."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.collector.messages import Unreadable, read
from ingestion.lake_manifest import Kind
from ingestion.privacy.suppression import SuppressedPeople

About = Callable[[SuppressedPeople, Mapping[str, Any]], bool]  # whether a row is about one of the people

COLUMNS: dict[Kind, list[str]] = {
    "events": ["type", "user_id", "anonymous_id", "context", "properties", "received_at", "file_id"],
    "quarantine": ["payload", "received_at"],
    "tables": ["source", "table_name", "row_key", "data"],
}

_NAMED_INSIDE = ("identify", "group", "alias")  # whose properties may say who they are about
_TRAITS = '"traits"'  # of a context in which a person may be named


def events_of(people: SuppressedPeople, row: Mapping[str, Any]) -> bool:
    """Whether an accepted event is about one of the people; most are known by their ids, without reading JSON."""
    if row["user_id"] in people or row["anonymous_id"] in people:
        return True
    inside = {name: json.loads(text) for name in ("context", "properties") if (text := row[name])}
    return bool(inside) and people.owns({"type": row["type"], **inside})


def refused_of(people: SuppressedPeople, row: Mapping[str, Any]) -> bool:
    """Whether a refused event is about one of the people."""
    raw = row["payload"].encode()
    try:
        message = read(raw)
    except Unreadable:
        message = raw
    return people.owns(message if isinstance(message, dict) else raw)


ABOUT: dict[Kind, About] = {"events": events_of, "quarantine": refused_of}


def which(kind: Kind, batch: pa.RecordBatch, about: Callable[[Mapping[str, Any]], bool]) -> Iterable[bool]:
    """Of each row whether it is `about` somebody: it is asked with the row's `COLUMNS`.

    Of an event context and properties are null where they cannot name anybody: most of a lake is not even decoded.
    """
    rows = pa.table(batch.select(COLUMNS[kind]))
    if kind == "events":
        for name, may_name in (
            ("context", pc.match_substring(rows["context"], _TRAITS)),
            ("properties", pc.is_in(rows["type"], pa.array(_NAMED_INSIDE, rows["type"].type))),
        ):
            column = pc.if_else(may_name, rows[name], pa.scalar(None, rows[name].type))
            rows = rows.set_column(rows.column_names.index(name), name, column)
    return [about(row) for row in rows.to_pylist()]


def rows_about(people: SuppressedPeople, kind: Kind, rows: pa.Table) -> int:
    """How many of these events or refused events are about the people."""
    return sum(sum(which(kind, batch, partial(ABOUT[kind], people))) for batch in rows.to_batches())
