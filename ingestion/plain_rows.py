"""Plain events as columns: one record batch for each event name, so that what its rows share is written once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.envelope import Unread
from ingestion.identity import message_id, plain_message_ids
from ingestion.lake_schema import events_schema
from ingestion.plain_events import PlainContext, PlainEvents, PlainGroup
from ingestion.plain_times import plain_times
from ingestion.privacy.masking import suspicious
from ingestion.tracking_plan.model import Plan

_SUSPECT = "?"  # no column of the lake can have this name


class PlainRows(NamedTuple):
    """Plain events as rows of the lake, and the places of the events that were not plain, in order."""

    batches: list[pa.RecordBatch]
    others: list[int]


class PlainRowMaker:
    """Makes the rows of one landing from its plain events."""

    def __init__(self, plan: Plan, tenant: str, source: str, file_id: UUID) -> None:
        self._events = PlainEvents(plan, tenant)
        self._windows = plan.windows
        schema = events_schema(plan)
        self._fields = {field.name: field for field in schema}
        self._same = {"tenant": tenant, "source": source, "time_quality": "ok"}
        self._file_id = file_id.bytes

    def rows(self, events: Sequence[Unread], first: int) -> PlainRows:
        """The rows of those of `events` that are plain; `first` is the place (`ingest_row`) of the first of them."""
        fit = [place for place, event in enumerate(events) if not event.reasons and not event.warnings]
        groups = self._events.read([events[place].raw for place in fit])
        others = set(range(first, first + len(events)))
        batches = []
        contexts = _ContextColumns(self._fields, self._events.context_columns, groups)
        for group in groups:
            places = [fit[place] for place in group.places]
            received = [events[place].received_at for place in places]
            batch = self._batch(group, contexts.of(group), received, np.array(places) + first)
            batches.append(batch)
            others.difference_update(batch.column("ingest_row").to_pylist())
        return PlainRows([batch for batch in batches if batch.num_rows], sorted(others))

    def _batch(
        self, group: PlainGroup, contexts: dict[str, pa.Array], received: Sequence[Any], places: Any
    ) -> pa.RecordBatch:
        """The rows of one event name, without those whose times are not plain."""
        count = len(received)
        envelopes = group.envelopes
        given = [e.timestamp if e.originalTimestamp is None else e.originalTimestamp for e in envelopes]
        times = plain_times(given, [e.sentAt for e in envelopes], received, self._windows)
        columns: dict[str, Any] = {**group.columns, **contexts}
        columns |= {name: pa.repeat(value, count) for name, value in self._same.items()}
        columns |= _ids([envelope.messageId for envelope in envelopes])
        columns |= {
            "type": pa.repeat(group.type, count),
            "event": pa.repeat(group.known.event, count),
            "user_id": [envelope.userId for envelope in envelopes],
            "anonymous_id": [envelope.anonymousId for envelope in envelopes],
            "event_at": times.event_at,
            "original_at": times.event_at,
            "sent_at": times.sent_at,
            "received_at": times.received_at,
            "properties": pa.array(group.properties, pa.string()),
            "file_id": _uuids(self._file_id * count),
            "ingest_row": pa.array(places, pa.int64()),
        }
        if group.known.original is not None:
            columns["original_event"] = pa.repeat(group.known.original, count)
        # What may have to be masked needs thought too.
        is_suspect = pc.or_kleene(suspicious(columns["properties"]), columns.pop(_SUSPECT))
        is_plain = pc.and_not(pa.array(times.is_plain), pc.fill_null(is_suspect, fill_value=False))
        fields = [self._fields[name] for name in columns]
        arrays = [_array(values, field.type) for values, field in zip(columns.values(), fields, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
        return batch if pc.all(is_plain).as_py() else batch.filter(is_plain)


class _ContextColumns:
    """Columns from contexts, and whether one is suspect: made once for each different context, then dealt out."""

    def __init__(self, fields: Mapping[str, pa.Field], names: Sequence[str], groups: Sequence[PlainGroup]) -> None:
        # A page sends events of several names with one context.
        different: dict[int, PlainContext] = {id(context): context for group in groups for context in group.contexts}
        self._numbers = dict(zip(different, range(len(different)), strict=True))
        texts = pa.array([context.text for context in different.values()], pa.string())
        self._columns = {"context": texts, _SUSPECT: suspicious(texts)}
        by_column = zip(*(context.values for context in different.values()), strict=True)
        for name, values in zip(names, by_column, strict=False):
            if values.count(None) < len(values):
                self._columns[name] = pa.array(values, fields[name].type)

    def of(self, group: PlainGroup) -> dict[str, pa.Array]:
        """Those of the events of one name."""
        deal = pa.array([self._numbers[id(context)] for context in group.contexts], pa.int32())
        sessions = [
            envelope.sessionId or context.session_id
            for envelope, context in zip(group.envelopes, group.contexts, strict=True)
        ]
        dealt = {name: column.take(deal) for name, column in self._columns.items()}
        return dealt | {"session_id": pa.array(sessions, pa.string())}


def _ids(texts: Sequence[str]) -> dict[str, Any]:
    """The columns of the message id."""
    ids = plain_message_ids(texts)
    if ids is not None:
        return {"message_id": _uuids(ids)}
    pairs = [message_id({"messageId": text}, "", [], []) for text in texts]
    return {
        "message_id": _uuids(b"".join(own for own, _ in pairs)),
        "original_message_id": [original for _, original in pairs],
    }


def _uuids(data: bytes) -> pa.Array:
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(data) // 16, [None, pa.py_buffer(data)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def _array(values: Any, type_: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, type_)
