"""The lake's tail: what was acknowledged and is not landed yet, read from the logs of the collectors of this machine.

The rows are those of the landing to come, judged and masked by the same code, except for what only the landing can
know: `file_id` is the log file's own, and an event without a message id gets its id when it lands. Who was erased since
the events came is left out, as the landing will leave them out.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.collector import records
from ingestion.collector.growing_log import GrowingLog
from ingestion.collector.land_log import PART_ROWS
from ingestion.collector.log_files import PATTERN
from ingestion.lake import Lake
from ingestion.lake_manifest import Entry
from ingestion.lake_parts import file_id
from ingestion.lake_rows import part_tables
from ingestion.lake_schema import QUARANTINE, events_schema
from ingestion.logged_events import LoggedEvents
from ingestion.privacy.erased_since import ErasedSince, Going, staying

Key = tuple[str, str, date]  # tenant, source, UTC day of arrival


class Tail(NamedTuple):
    """One moment: the lake's entries, and the rows that are in the log but in none of them.

    Who reads the files of `entries` together with `events` (or `quarantine`) sees every acknowledged event once.
    """

    entries: list[Entry]
    events: pa.Table
    quarantine: pa.Table


@dataclass
class _Rows:
    """What one log file holds of one tenant, source and day."""

    first: datetime  # when the first of it came, aware
    count: int = 0
    events: list[pa.Table] = field(default_factory=list)
    quarantine: list[pa.Table] = field(default_factory=list)
    known: int = 0  # how many of these tables were told before


class LakeTail:
    """Reads the tail again and again, each time only what is new in the log. Keep one, and close it."""

    def __init__(
        self, lake: Lake, folder: Path, tenant: str | None = None, *, erased: ErasedSince | None = None
    ) -> None:
        """`folder` is a collector's log folder; with `tenant` all others are left out, with `erased` who was erased."""
        self._lake = lake
        self._erased = erased
        self._erasures: list[Going] = []
        self._folder = folder
        self._tenant = tenant
        self._logs: dict[Path, GrowingLog] = {}
        self._rows: dict[Path, dict[Key, _Rows]] = {}
        self._nothing = Tail([], events_schema(lake.plan).empty_table(), QUARANTINE.empty_table())
        self.added = self._nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for log in self._logs.values():
            log.close()

    def read(self) -> Tail:
        """What is acknowledged now and not in the lake. `added` then holds the rows that were found for the first time.

        Raises AlmanacError or OSError if log, lake or erasures cannot be read, ValueError for a record of an unknown
        format.
        """
        # The order matters. A file that cannot be opened any more was landed, so the manifest that is read after that
        # has it. A file that is open can be read to its end although it may be landed and deleted meanwhile; and
        # whether the manifest has it can be told, because it then was complete.
        self._open()
        entries = self._lake.entries()
        landed = {part for entry in entries if entry.kind == "events" for part in entry.parts}
        for path, log in self._logs.items():
            self._read_on(path, log)
        added = self._take_in()
        events: list[pa.Table] = []
        quarantine: list[pa.Table] = []
        for path, log in list(self._logs.items()):
            for key, rows in self._rows[path].items():
                for table, into in ((rows.events, events), (rows.quarantine, quarantine)):
                    into += _not_landed(table, key, rows.count, log.content_hash, landed)
            if log.is_gone():
                log.close()
                del self._logs[path], self._rows[path]
        self.added = Tail([], *added)
        return Tail(entries, *self._tables(events, quarantine))

    def _open(self) -> None:
        for path in sorted(self._folder.glob(PATTERN)):
            if path not in self._logs:
                try:
                    self._logs[path] = GrowingLog(path)
                except FileNotFoundError:
                    continue
                self._rows[path] = {}

    def _read_on(self, path: Path, log: GrowingLog) -> None:
        """Read what is new in a log file, and judge it."""
        data, is_anew = log.read_on()
        if is_anew:
            self._rows[path] = {}
        arrived: dict[Key, list[records.Record]] = defaultdict(list)
        for item in data:
            record = records.decode(item)
            if self._tenant in (None, record.tenant):
                day = record.received_at.astimezone(UTC).date()
                arrived[record.tenant, record.source, day].append(record)
        for (tenant, source, day), of_day in arrived.items():
            events = LoggedEvents.of(of_day)
            assert log.id is not None
            first = min(record.received_at for record in of_day)
            rows = self._rows[path].setdefault((tenant, source, day), _Rows(first))
            rows.first = min(rows.first, first)
            tables = part_tables(self._lake.plan, tenant, source, events, log.id, None, first=rows.count)
            rows.count += len(events)
            rows.events.append(tables[0].cast(self._nothing.events.schema))
            rows.quarantine.append(tables[1])

    def _take_in(self) -> tuple[pa.Table, pa.Table]:
        """Leave out who was erased, of all rows if there is news of it; the rows that were found for the first time."""
        held = [rows for of_file in self._rows.values() for rows in of_file.values()]
        erasures = self._erased.since(min(rows.first for rows in held)) if self._erased is not None and held else []
        is_news = [going.erasure for going in erasures] != [going.erasure for going in self._erasures]
        self._erasures = erasures
        events: list[pa.Table] = []
        quarantine: list[pa.Table] = []
        for rows in held:
            known = 0 if is_news else rows.known
            rows.events[known:] = [staying("events", table, erasures) for table in rows.events[known:]]
            rows.quarantine[known:] = [staying("quarantine", table, erasures) for table in rows.quarantine[known:]]
            events += rows.events[rows.known :]
            quarantine += rows.quarantine[rows.known :]
            rows.known = len(rows.events)
        return self._tables(events, quarantine)

    def _tables(self, events: Sequence[pa.Table], quarantine: Sequence[pa.Table]) -> tuple[pa.Table, pa.Table]:
        return (
            pa.concat_tables([self._nothing.events, *events]),
            pa.concat_tables([self._nothing.quarantine, *quarantine]),
        )


def _not_landed(
    tables: Sequence[pa.Table], key: Key, count: int, content_hash: str, landed: set[str]
) -> Sequence[pa.Table]:
    """The rows whose part of the landing is not in the manifest."""
    tenant, source, day = key
    parts = range(-(-count // PART_ROWS))
    gone = [n for n in parts if str(file_id(tenant, source, content_hash, day, n)) in landed]
    if not gone:
        return tables
    if len(gone) == len(parts):
        return []
    number = [pc.divide(table["ingest_row"], PART_ROWS) for table in tables]
    return [
        table.filter(pc.invert(pc.is_in(part, pa.array(gone, pa.int64()))))
        for table, part in zip(tables, number, strict=True)
    ]
