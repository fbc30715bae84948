"""The events of a log, many at a time: settled ones in columns, of which nothing is made in Python before it is needed.

Belongs here: how records become events in their order, and which of them are settled. Does not belong here: the bytes
of a record (`collector/records.py`), what becomes of the events (`lake_rows.py`).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias, overload

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingestion.collector.messages import Unreadable, read
from ingestion.collector.records import NO_CONTEXT, NUMBER_BYTES, Record
from ingestion.envelope import Arrival
from ingestion.settling import with_context
from ingestion.tracking_plan import Reason

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND
_INSTANT = pa.timestamp("us", "UTC")
_LAYOUT = 3  # numbers of one event

# What is landed: events that are decoded already, or those of a log.
Arrivals: TypeAlias = "Sequence[Arrival] | LoggedEvents"

_Numbers = npt.NDArray[np.int64]


class Logged(msgspec.Struct, gc=False):
    """One event of the log, its JSON text not decoded yet."""

    received_at: datetime
    raw: bytes
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()

    def arrival(self) -> Arrival:
        """The event as it is landed: bytes that are no JSON object are landed as they are."""
        try:
            message = read(self.raw)
        except Unreadable:
            message = None
        content = message if isinstance(message, dict) else self.raw
        return Arrival(self.received_at, content, self.reasons, warnings=self.warnings)


class Settled(NamedTuple):
    """Settled events: their places, their texts (without contexts), when they came, and which of the `contexts` each
    has, null for none."""

    places: _Numbers
    texts: pa.StringArray
    received_at: pa.TimestampArray
    context: pa.Int32Array
    contexts: pa.StringArray


class _Columns(NamedTuple):
    """What some records hold. `rules` has for each settled event the number of its rules among `settled_by`."""

    others: list[Logged]
    texts: pa.StringArray
    context: _Numbers  # -1 is none
    holes: _Numbers
    rules: _Numbers
    settled_by: list[str]
    contexts: pa.StringArray


class LoggedEvents(Sequence[Logged]):
    """Events of the log in their order. A slice, and what `by_day` gives, shares the texts."""

    def __init__(self, columns: _Columns, received: _Numbers, numbers: _Numbers) -> None:
        """`received` are microseconds since 1970; `numbers` which settled event each is, or -1 - which other one."""
        self._columns = columns
        self._received = received
        self._numbers = numbers

    @classmethod
    def of(cls, records: Sequence[Record]) -> "LoggedEvents":
        """The events of some records. Raises ValueError for a record that does not hold what it says."""
        settled = np.array([len(record.layout) for record in records], np.int64) // (NUMBER_BYTES * _LAYOUT)
        counts = settled + np.array([len(record.events) for record in records], np.int64)
        layout = _numbers([record.layout for record in records], _LAYOUT)
        sizes = _numbers([record.context_sizes for record in records], 1)
        held = np.array([len(record.context_sizes) for record in records], np.int64) // NUMBER_BYTES
        texts = _texts([record.texts for record in records], layout[:, 0], settled)
        contexts = _texts([record.contexts for record in records], sizes[:, 0], held)
        is_none = layout[:, 1] == NO_CONTEXT
        if not np.all(is_none | ((layout[:, 1] < np.repeat(held, settled)) & (layout[:, 2] < layout[:, 0]))):
            raise ValueError("a record with an event whose context it does not have")
        starts = np.repeat(_starts(held), settled)
        names = list(dict.fromkeys(record.settled_by for record in records))
        columns = _Columns(
            [_logged(record, event) for record in records for event in record.events],
            texts,
            np.where(is_none, -1, layout[:, 1] + starts),
            layout[:, 2],
            np.repeat(np.array([names.index(record.settled_by) for record in records], np.int64), settled),
            names,
            contexts,
        )
        moments = pa.array([record.received_at for record in records], _INSTANT).cast(pa.int64()).to_numpy()
        return cls(columns, np.repeat(moments, counts), _places(records, counts))

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Logged: ...
    @overload
    def __getitem__(self, place: slice) -> "LoggedEvents": ...
    def __getitem__(self, place: int | slice) -> "Logged | LoggedEvents":
        if isinstance(place, slice):
            return LoggedEvents(self._columns, self._received[place], self._numbers[place])
        number = int(self._numbers[place])
        if number < 0:
            return self._columns.others[-1 - number]
        columns = self._columns
        raw, context = columns.texts[number].as_buffer().to_pybytes(), int(columns.context[number])
        if context >= 0:
            raw = with_context(raw, columns.contexts[context].as_buffer().to_pybytes(), int(columns.holes[number]))
        return Logged(_EPOCH + int(self._received[place]) * _MICROSECOND, raw)

    def by_day(self) -> dict[date, "LoggedEvents"]:
        """The events by the UTC day on which they came."""
        days = self._received // _DAY
        different = np.unique(days)
        if len(different) == 1:
            return {_date(different[0]): self}
        taken = [(day, days == day) for day in different]
        return {_date(d): LoggedEvents(self._columns, self._received[of], self._numbers[of]) for d, of in taken}

    def settled(self, rules: str) -> Settled:
        """Those of these events that were settled by these rules."""
        columns = self._columns
        number = columns.settled_by.index(rules) if rules and rules in columns.settled_by else -1
        places = np.flatnonzero(self._numbers >= 0)
        places = places[columns.rules[self._numbers[places]] == number]
        chosen = self._numbers[places]
        context = columns.context[chosen]
        first, last = (context[context >= 0].min(), context.max()) if (context >= 0).any() else (0, -1)
        # Visitors send request after request with one context.
        contexts = columns.contexts.slice(first, last + 1 - first).dictionary_encode()
        own = pa.array(context - first, pa.int64(), mask=context < 0)
        return Settled(
            places,
            _taken(columns.texts, chosen),
            pa.array(self._received[places]).cast(_INSTANT),
            contexts.indices.take(own),
            contexts.dictionary,
        )


def _taken(texts: pa.StringArray, numbers: _Numbers) -> pa.StringArray:
    """Some of the texts, in ascending order; not copied if they lie one behind the other."""
    if len(numbers) and numbers[-1] - numbers[0] + 1 == len(numbers):
        return texts.slice(numbers[0], len(numbers))
    return texts.take(pa.array(numbers))


def _logged(record: Record, event: Any) -> Logged:
    reasons = tuple(Reason(*reason) for reason in event.reasons)
    return Logged(record.received_at, event.raw, reasons, tuple(event.warnings))


def _date(day: np.int64) -> date:
    return (_EPOCH + timedelta(days=int(day))).date()


def _starts(counts: _Numbers) -> _Numbers:
    """Where each run begins, of runs of so many."""
    return np.concatenate(([0], np.cumsum(counts)[:-1])) if len(counts) else counts


def _numbers(data: Sequence[bytes], columns: int) -> _Numbers:
    if any(len(item) % (NUMBER_BYTES * columns) for item in data):
        raise ValueError("a record whose numbers are cut off")
    return np.frombuffer(b"".join(data), "<u4").astype(np.int64).reshape(-1, columns)


def _texts(data: Sequence[bytes], sizes: _Numbers, counts: _Numbers) -> pa.StringArray:
    """Texts that lie one behind the other, so many in each of `data`."""
    joined = b"".join(data)
    ends = np.concatenate(([0], np.cumsum(sizes)))
    if not np.array_equal(ends[np.cumsum(counts)], np.cumsum([len(item) for item in data])):
        raise ValueError("a record whose texts are not as long as it says")
    offsets = pa.py_buffer(ends.astype(np.int32))
    texts = pa.StringArray.from_buffers(len(sizes), offsets, pa.py_buffer(joined))
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid as error:
        raise ValueError(f"a record with a text that is none: {error}") from error
    return texts


def _places(records: Sequence[Record], counts: _Numbers) -> _Numbers:
    """For each event which settled one it is, or -1 - which other one."""
    others = np.array([event.place for record in records for event in record.events], np.int64)
    held = np.array([len(record.events) for record in records], np.int64)
    if not np.all((others >= 0) & (others < np.repeat(counts, held))):
        raise ValueError("a record with an event in a place that it does not have")
    at = others + np.repeat(_starts(counts), held)
    numbers = np.zeros(int(counts.sum()), np.int64)
    numbers[at] = -1 - np.arange(len(at))
    is_settled = numbers >= 0
    if is_settled.sum() != len(numbers) - len(at):
        raise ValueError("a record with two events in one place")
    numbers[is_settled] = np.arange(int(is_settled.sum()))
    return numbers
