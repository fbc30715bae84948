"""Plain events as columns: one record batch for each event name, so that what its rows share is written once."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.envelope import json_text
from ingestion.identity import message_id
from ingestion.lake_schema import events_schema
from ingestion.logged_events import Logged
from ingestion.plain_events import Envelope, PlainContext, PlainEvents, PlainGroup
from ingestion.plain_ids import plain_message_ids
from ingestion.plain_times import Values, as_array, plain_times
from ingestion.privacy.masking import suspicious
from ingestion.repeated import constant, spelt_out
from ingestion.tracking_plan.contracts import Known
from ingestion.tracking_plan.model import Plan

_LATE = json_text(["late"])
SUSPECT_COLUMN = "?"  # no column of the lake can have this name


class PlainRows(NamedTuple):
    """Plain events as rows of the lake, and the places of the events that were not plain, in order."""

    batches: list[pa.RecordBatch]
    others: list[int]


class BatchMaker:
    """Makes record batches of events that need no thought, in one landing: one for the events of one name."""

    def __init__(self, plan: Plan, tenant: str, source: str, file_id: UUID, history_from: date | None) -> None:
        self._windows = plan.windows
        self._has_history = history_from is not None
        self.fields = {field.name: field for field in events_schema(plan)}
        self._same = {"tenant": tenant, "source": source, "time_quality": "ok"}
        self._file_id = file_id.bytes

    def batch(
        self,
        known: Known,
        kind: str,
        envelope: Mapping[str, Values],
        columns: Mapping[str, Values],
        received: Values,
        places: pa.Array,
        is_right: pa.Array | None = None,
    ) -> pa.RecordBatch:
        """The rows of one event name, without those that need thought after all: their times, or a text, or not right.

        `envelope` has the messages' fields as they came; `columns` everything that is of the lake's types already, and
        in `SUSPECT_COLUMN` whether the context is suspect; `received` aware instants, `places` the rows' `ingest_row`.
        """
        count = len(places)
        given, sent = envelope["given"], envelope["sentAt"]
        times = plain_times(given, sent, received, self._windows, has_history=self._has_history)
        filled: dict[str, Any] = dict(columns)
        filled |= {name: constant(value, count) for name, value in self._same.items()}
        filled |= _ids(envelope["messageId"])
        filled |= {
            "type": constant(kind, count),
            "event": constant(known.event, count),
            "user_id": envelope["userId"],
            "anonymous_id": envelope["anonymousId"],
            "event_at": times.event_at,
            "original_at": times.event_at,
            "sent_at": times.sent_at,
            "received_at": times.received_at,
            "file_id": _uuids(self._file_id * count),
            "ingest_row": places,
        }
        is_late = times.is_late & times.is_plain
        if is_late.any():
            filled["warnings"] = pc.if_else(is_late, _LATE, pa.scalar(None, pa.string()))
        if known.original is not None:
            filled["original_event"] = constant(known.original, count)
        # What may have to be masked needs thought too.
        is_suspect = pc.or_kleene(suspicious(filled["properties"]), filled.pop(SUSPECT_COLUMN))
        filled["properties"] = spelt_out(filled["properties"])  # most texts of a landing come once
        is_plain = pc.and_not(pa.array(times.is_plain), pc.fill_null(is_suspect, fill_value=False))
        if is_right is not None:
            is_plain = pc.and_(is_plain, is_right)
        arrays = [as_array(values, self.fields[name].type) for name, values in filled.items()]
        batch = pa.RecordBatch.from_arrays(arrays, list(filled))
        return batch if pc.all(is_plain).as_py() else batch.filter(is_plain)


class PlainRowMaker:
    """Makes the rows of one landing from its plain events, which are decoded one by one."""

    def __init__(self, plan: Plan, tenant: str, maker: BatchMaker) -> None:
        self._events = PlainEvents(plan, tenant)
        self._maker = maker

    def rows(self, events: Sequence[Logged], places: Sequence[int]) -> PlainRows:
        """The rows of those of `events` that are plain; `places` says where each of them stands (`ingest_row`)."""
        fit = [number for number, event in enumerate(events) if not event.reasons and not event.warnings]
        groups = self._events.read([events[number].raw for number in fit])
        others = set(places)
        batches = []
        contexts = _ContextColumns(self._maker.fields, self._events.context_columns, groups)
        for group in groups:
            numbers = [fit[number] for number in group.places]
            received = [events[number].received_at for number in numbers]
            ingest_rows = pa.array([places[number] for number in numbers], pa.int64())
            columns = {**group.columns, **contexts.of(group), "properties": pa.array(group.properties, pa.string())}
            batch = self._maker.batch(group.known, group.type, _fields(group.envelopes), columns, received, ingest_rows)
            batches.append(batch)
            others.difference_update(batch.column("ingest_row").to_pylist())
        return PlainRows([batch for batch in batches if batch.num_rows], sorted(others))


def _fields(envelopes: Sequence[Envelope]) -> dict[str, Values]:
    return {
        "messageId": [envelope.messageId for envelope in envelopes],
        "userId": [envelope.userId for envelope in envelopes],
        "anonymousId": [envelope.anonymousId for envelope in envelopes],
        "given": [e.timestamp if e.originalTimestamp is None else e.originalTimestamp for e in envelopes],
        "sentAt": [envelope.sentAt for envelope in envelopes],
    }


class _ContextColumns:
    """Columns from contexts, and whether one is suspect: made once for each different context, then dealt out."""

    def __init__(self, fields: Mapping[str, pa.Field], names: Sequence[str], groups: Sequence[PlainGroup]) -> None:
        # A page sends events of several names with one context.
        different: dict[int, PlainContext] = {id(context): context for group in groups for context in group.contexts}
        self._numbers = dict(zip(different, range(len(different)), strict=True))
        texts = pa.array([context.text for context in different.values()], pa.string())
        self._columns = {"context": texts, SUSPECT_COLUMN: suspicious(texts)}
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


def _ids(texts: Values) -> dict[str, Any]:
    """The columns of the message id."""
    given = as_array(texts, pa.string())
    ids = plain_message_ids(given)
    if ids is not None:
        return {"message_id": _uuids(ids)}
    pairs = [message_id({"messageId": text}, "", [], []) for text in given.to_pylist()]
    return {
        "message_id": _uuids(b"".join(own for own, _ in pairs)),
        "original_message_id": [original for _, original in pairs],
    }


def _uuids(data: bytes) -> pa.Array:
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(data) // 16, [None, pa.py_buffer(data)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)
