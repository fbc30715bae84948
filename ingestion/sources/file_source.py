"""Landing delivered files: a file lands whole or not at all.

Redelivery: a landing is known by the SHA-256 of the file's uncompressed content, so the same content under another
name, compressed otherwise or on another day lands nothing. An event is known by its natural key where the mapping
declares one, of an access log by its line, also in quarantine, else by that hash and its row number; two equal rows of
one file are two events. The further events of a row (`also`) are known by their place in the mapping as well.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from heapq import merge
from itertools import islice
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from almanac.progress import progress
from almanac.settings import Settings
from ingestion.envelope import Arrival, json_bytes
from ingestion.lake import Lake
from ingestion.lake_parts import LandResult, file_id
from ingestion.privacy.suppression import Suppression, load_suppression
from ingestion.sources.delivered import Delivered, delivered
from ingestion.sources.expressions import ExpressionFailed, Expressions
from ingestion.sources.file_rows import Rows, key_columns
from ingestion.sources.local_time import Clock
from ingestion.sources.mapping import Format, Mapping, load_mapping
from ingestion.sources.message_ids import uuid_of
from ingestion.sources.messages import Messages, unfit
from ingestion.sources.problems import FileProblem
from ingestion.sources.readers import reader_of
from ingestion.sources.unreadable_lines import arrival as unreadable_arrival
from ingestion.sources.unreadable_lines import named, quarantined
from ingestion.tracking_plan import Plan, load_plan

# Rows of one landing: a larger file is several landings, so that memory does not grow with it. All its rows have been
# read and evaluated before the first one lands. Another number here would land such files a second time.
PART_ROWS = 100_000
# An event of a row: the row's number, the event's place in the mapping (0 its own, 1 the first of `also`), its values.
Value = tuple[int, int, tuple[Any, ...]]
UNREADABLE = -1  # place of a row that could not be read; its value is what is kept of it and its name


@dataclass(frozen=True)
class FileResult:
    """What became of one file; `is_new` is False where its content had landed before."""

    path: Path
    received: int
    accepted: int
    quarantined: int
    is_new: bool
    suppressed: int = 0  # rows of suppressed people, of which nothing was stored
    note: str | None = None  # what to know of its rows that may have landed before, where the source had landed any


@dataclass(frozen=True)
class Ingested:
    """What became of the files of one call; a failure is one line that names the file."""

    results: tuple[FileResult, ...]
    failures: tuple[str, ...]

    @property
    def note(self) -> str | None:
        """What to know of rows that may have landed before."""
        return next((result.note for result in self.results if result.note is not None), None)


class FileSource:
    """One file source. Use it as a context manager: it holds databases in memory."""

    def __init__(
        self, mapping: Mapping, plan: Plan, lake: Lake, suppression: Callable[[], Suppression] = Suppression
    ) -> None:
        """`suppression` tells who is suppressed now. Raises AlmanacError for an expression that does not fit."""
        self._mapping = mapping
        self._plan = plan
        self._lake = lake
        self._suppressed_now = suppression
        self._suppression = suppression()
        self._clock = Clock(mapping.time_zone)
        self._expressions = [Expressions(mapping, plan)]
        self._expressions += [Expressions(mapping, plan, more, f"also.{n}.") for n, more in enumerate(mapping.also)]
        self._reader = reader_of(mapping)
        self._landed = self._landings()
        self._quarantined: set[UUID] = set()  # names of unreadable lines

    @classmethod
    def open(cls, settings: Settings, name: str, *, plan: Plan | None = None, lake: Lake | None = None) -> Self:
        """The file source `ingestion/sources/files/<name>.yml`. Raises AlmanacError if its mapping is wrong."""
        plan = plan or load_plan(settings.root)
        mapping = load_mapping(settings.root, name, plan)
        return cls(mapping, plan, lake or Lake.open(settings, plan), partial(load_suppression, settings))

    @property
    def format(self) -> Format:
        """The format of the source's files."""
        return self._mapping.format

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for expressions in self._expressions:
            expressions.close()
        self._reader.close()

    def ingest(self, paths: Iterable[Path]) -> Ingested:
        """Land every file; one that is malformed is named among the failures and the others land all the same."""
        files = list(paths)
        results, failures = [], []
        self._landed, self._suppression = self._landings(), self._suppressed_now()
        with progress(f"Ingesting {self._mapping.source}", len(files), "files") as said:
            for path in files:
                try:
                    results.append(self._ingest(path, datetime.now(UTC)))
                except FileProblem as problem:
                    failures.append(str(problem))
                said.advance()
        return Ingested(tuple(results), tuple(failures))

    def _note(self) -> str:
        """What becomes of a row that an earlier file of the source held too."""
        if self._mapping.natural_key:
            return "of a row whose key has landed before the first values count: see `almanac events conflicts`"
        if self._mapping.format == "access_log":
            return "a line that an earlier log held too is the same event and counts once: see docs/sources.md"
        name = self._mapping.source
        return f"{name} has no natural_key, so a row that an earlier file held too counts again: see docs/sources.md"

    def ingest_file(self, path: Path, received_at: datetime | None = None) -> FileResult:
        """Land one file, received at `received_at` (aware; by default now). Raises FileProblem; nothing landed then."""
        # Others may have landed, and asked to be forgotten, meanwhile.
        self._landed, self._suppression = self._landings(), self._suppressed_now()
        return self._ingest(path, (received_at or datetime.now(UTC)).astimezone(UTC))

    def preview(self, path: Path, count: int) -> list[dict[str, Any]]:
        """The messages of a file's first `count` readable rows; nothing lands. Raises FileProblem, as landing would."""
        with self._delivered(path) as file:
            values = [value for part in self._values(file, self._reader.read(file))[1] for value in part[:count]]
            arrivals = self._arrivals(file, values, datetime.now(UTC))
            return [arrival.message for arrival in arrivals if isinstance(arrival.message, dict)][:count]

    def _delivered(self, path: Path) -> AbstractContextManager[Delivered]:
        return delivered(path, self._mapping.text_encoding, self._reader.decoding_errors)

    def _ingest(self, path: Path, received_at: datetime) -> FileResult:
        received = accepted = quarantined = suppressed = 0
        is_new, had_landed = False, bool(self._landed[1])
        with self._delivered(path) as file:
            if self._has_landed(file.content_hash):
                return FileResult(path, 0, 0, 0, is_new=False)
            total, parts = self._values(file, self._reader.read(file))
            for place, values in enumerate(parts):
                # From the reader's count, not from what the mapping made of the rows.
                count = min(PART_ROWS, total - place * PART_ROWS)
                content_hash = file.content_hash if total <= PART_ROWS else f"{file.content_hash}/{place}"
                if self._has_landed(content_hash):
                    continue
                arrivals = self._arrivals(file, values, received_at)
                count -= len(values) - len(arrivals)  # lines that stand in quarantine already
                result, dropped = self._land(content_hash, arrivals, received_at, count)
                if result.is_new:
                    is_new, received, suppressed = True, received + count, suppressed + dropped
                    accepted, quarantined = accepted + result.accepted, quarantined + result.quarantined
        note = self._note() if is_new and had_landed else None
        return FileResult(path, received, accepted, quarantined, is_new, suppressed, note)

    def _land(
        self, content_hash: str, arrivals: list[Arrival], received_at: datetime, count: int
    ) -> tuple[LandResult, int]:
        """The landing of a part, and how many of its rows are of suppressed people."""
        day = received_at.date()
        kept, suppressed = self._suppression.split(self._mapping.tenant, arrivals)
        result = self._lake.land(
            self._mapping.tenant,
            self._mapping.source,
            kept,
            content_hash=content_hash,
            received={day: count},
            suppressed=suppressed,
            history_from=self._mapping.history_from,
        )
        self._landed[0].add(day)
        self._landed[1].update(result.file_ids)
        return result, sum(suppressed.values())

    def _landings(self) -> tuple[set[date], set[str]]:
        """The days on which this source has landed anything, and its landings."""
        tenant, source = self._mapping.tenant, self._mapping.source
        entries = [e for e in self._lake.entries("events") if e.tenant == tenant and e.source == source]
        days = {date.fromisoformat(e.path.split("received_date=")[1][:10]) for e in entries}
        return days, {part for e in entries for part in e.parts}

    def _has_landed(self, content_hash: str) -> bool:
        """Whether the content has landed on any day; the lake itself knows landings by content and day."""
        days, landings = self._landed
        ids = (file_id(self._mapping.tenant, self._mapping.source, content_hash, day) for day in days)
        return any(str(landing) in landings for landing in ids)

    def _values(self, file: Delivered, rows: Rows) -> tuple[int, Iterator[list[Value]]]:
        """How many events the rows and the unreadable ones among them are, and what they are made of, part by part.

        A file without rows is one empty part.
        """
        try:
            evaluated = [expressions.evaluate(rows, PART_ROWS) for expressions in self._expressions]
        except ExpressionFailed as failed:
            what = f"the mapping's {failed.field} has no value ({failed.why}): correct the row, or the expression"
            line = self._reader.line_of(file, failed.row)
            raise FileProblem(file.origin, what, line=line, row=failed.row) from failed
        events = [_placed(parts, place) for place, (_, parts) in enumerate(evaluated)]
        lines = named(self._mapping.source, rows.unreadable)
        unreadable = ((row, UNREADABLE, (found, name)) for row, found, name in lines)
        if rows.unreadable:
            self._quarantined = quarantined(self._lake, self._mapping.tenant, self._mapping.source)
        total = rows.count + sum(count for count, _ in evaluated[1:])
        return total, _in_order([*events, unreadable]) if total else iter([[]])

    def _arrivals(self, file: Delivered, values: list[Value], received_at: datetime) -> list[Arrival]:
        mapping = self._mapping
        keys = len(key_columns(mapping))
        messages = [Messages(mapping, self._plan, self._clock, expressions) for expressions in self._expressions]
        arrivals = []
        for row, place, value in values:
            if place == UNREADABLE:
                # Dropped only here: which rows make a part must not depend on what has landed.
                if value[1] not in self._quarantined:
                    arrivals.append(unreadable_arrival(received_at, *value))
                continue
            # Lengths stand before a key's texts, so that no two keys can look alike.
            key = [f"{len(text)}:{text}" for text in value[1 : 1 + keys]] if keys else [file.content_hash, str(row)]
            further = [f"also {place}"] if place else []
            message_id = uuid_of("\n".join((mapping.source, *key, *further)))
            message = messages[place].of(value, message_id)
            reasons, noted = unfit(message, len(json_bytes(message))), messages[place].warnings(value)
            arrivals.append(Arrival(received_at, message, reasons, False, noted))
        return arrivals


def _placed(parts: Iterable[list[tuple[Any, ...]]], place: int) -> Iterator[Value]:
    return ((value[0], place, value) for part in parts for value in part)


def _in_order(events: list[Iterable[Value]]) -> Iterator[list[Value]]:
    """All events by their row and their place in the mapping, in parts of `PART_ROWS`."""
    merged = merge(*events, key=itemgetter(0))
    while part := list(islice(merged, PART_ROWS)):
        yield part
