"""Landing delivered files: a file lands whole or not at all.

Redelivery: a landing is known by the SHA-256 of the file's uncompressed content, so the same content under another
name, compressed otherwise or on another day lands nothing. An event is known by its natural key where the mapping
declares one, else by that hash and its row number; two equal rows of one file are two events.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import md5
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from almanac.errors import AlmanacError
from almanac.progress import progress
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake, LandResult, file_id
from ingestion.privacy.suppression import Suppression, load_suppression
from ingestion.sources.csv_rows import CsvReader, Rows
from ingestion.sources.delivered import Delivered, delivered
from ingestion.sources.expressions import ExpressionFailed, Expressions
from ingestion.sources.local_time import Clock
from ingestion.sources.mapping import Mapping, load_mapping
from ingestion.sources.problems import FileProblem, line_of_row
from ingestion.tracking_plan import Plan, load_plan

SUFFIXES = (".csv", ".csv.gz")
# Rows of one landing: a larger file is several landings, so that memory does not grow with it. All its rows have been
# read and evaluated before the first one lands. Another number here would land such files a second time.
PART_ROWS = 100_000
_PROPERTY = "properties."


@dataclass(frozen=True)
class FileResult:
    """What became of one file; `is_new` is False where its content had landed before."""

    path: Path
    received: int
    accepted: int
    quarantined: int
    is_new: bool


@dataclass(frozen=True)
class Ingested:
    """What became of the files of one call; a failure is one line that names the file."""

    results: tuple[FileResult, ...]
    failures: tuple[str, ...]


class FileSource:
    """One file source. Use it as a context manager: it holds databases in memory."""

    def __init__(self, mapping: Mapping, plan: Plan, lake: Lake, suppression: Suppression | None = None) -> None:
        """Raises AlmanacError for an expression that does not fit the columns."""
        self._mapping = mapping
        self._plan = plan
        self._lake = lake
        self._suppression = suppression or Suppression()
        self._clock = Clock(mapping.time_zone)
        self._expressions = Expressions(mapping, plan)
        self._reader = CsvReader(mapping)
        self._landed = self._landings()

    @classmethod
    def open(cls, settings: Settings, name: str, *, plan: Plan | None = None, lake: Lake | None = None) -> Self:
        """The file source `ingestion/sources/files/<name>.yml`. Raises AlmanacError if its mapping is wrong."""
        plan = plan or load_plan(settings.root)
        mapping = load_mapping(settings.root, name, plan)
        return cls(mapping, plan, lake or Lake.open(settings, plan), load_suppression(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._expressions.close()
        self._reader.close()

    def ingest(self, paths: Iterable[Path]) -> Ingested:
        """Land every file; one that is malformed is named among the failures and the others land all the same."""
        files = list(paths)
        results, failures = [], []
        self._landed = self._landings()
        with progress(f"Ingesting {self._mapping.source}", len(files), "files") as said:
            for path in files:
                try:
                    results.append(self._ingest(path, datetime.now(UTC)))
                except FileProblem as problem:
                    failures.append(str(problem))
                said.advance()
        return Ingested(tuple(results), tuple(failures))

    def ingest_file(self, path: Path, received_at: datetime | None = None) -> FileResult:
        """Land one file, received at `received_at` (aware; by default now). Raises FileProblem; nothing landed then."""
        self._landed = self._landings()  # others may have landed meanwhile
        return self._ingest(path, (received_at or datetime.now(UTC)).astimezone(UTC))

    def _ingest(self, path: Path, received_at: datetime) -> FileResult:
        received = accepted = quarantined = 0
        is_new = False
        with delivered(path, self._mapping.encoding) as file:
            if self._has_landed(file.content_hash):
                return FileResult(path, 0, 0, 0, is_new=False)
            rows = self._reader.read(file)
            for place, values in enumerate(self._values(file, rows)):
                # From the reader's count, not from what the mapping made of the rows.
                count = min(PART_ROWS, rows.count - place * PART_ROWS)
                content_hash = file.content_hash if rows.count <= PART_ROWS else f"{file.content_hash}/{place}"
                if self._has_landed(content_hash):
                    continue
                result = self._land(content_hash, self._arrivals(file, values, received_at), received_at, count)
                if result.is_new:
                    is_new, received = True, received + count
                    accepted, quarantined = accepted + result.accepted, quarantined + result.quarantined
        return FileResult(path, received, accepted, quarantined, is_new)

    def _land(self, content_hash: str, arrivals: list[Arrival], received_at: datetime, count: int) -> LandResult:
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
        return result

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

    def _values(self, file: Delivered, rows: Rows) -> Iterator[list[tuple[Any, ...]]]:
        """The evaluated rows part by part; a file without rows is one empty part."""
        try:
            yield from self._expressions.evaluate(rows, PART_ROWS)
        except ExpressionFailed as failed:
            line = line_of_row(file.text, self._mapping.delimiter, self._mapping.quote, failed.row)
            what = f"the mapping's {failed.field} has no value ({failed.why}): correct the row, or the expression"
            raise FileProblem(file.origin, what, line=line) from failed
        if not rows.count:
            yield []

    def _arrivals(self, file: Delivered, values: list[tuple[Any, ...]], received_at: datetime) -> list[Arrival]:
        mapping = self._mapping
        keys = len(mapping.natural_key)
        messages = _Messages(mapping, self._plan, self._clock, self._expressions)
        arrivals = []
        for value in values:
            # Lengths stand before a key's texts, so that no two keys can look alike.
            key = (
                [f"{len(text)}:{text}" for text in value[1 : 1 + keys]] if keys else [file.content_hash, str(value[0])]
            )
            message_id = _uuid("\n".join((mapping.source, *key)))
            arrivals.append(Arrival(received_at, messages.of(value, message_id), (), False))
        return arrivals


class _Messages:
    """Messages in Segment's shape from evaluated rows."""

    def __init__(self, mapping: Mapping, plan: Plan, clock: Clock, expressions: Expressions) -> None:
        self._utc = clock.utc
        self._currency = mapping.currency
        self._contracts = {name: (c.type, "currency" in c.properties) for name, c in plan.events.items()}
        first = 1 + len(mapping.natural_key)  # behind the row's number and its key
        at = {field: place for place, field in enumerate(expressions.fields, start=first)}
        self._event, self._event_at = at["event"], at["event_at"]
        self._user_id, self._anonymous_id = at.get("user_id"), at.get("anonymous_id")
        properties = {field: place for field, place in at.items() if field.startswith(_PROPERTY)}
        self._plain = [(_name(f), place) for f, place in properties.items() if f not in expressions.times]
        self._times = [(_name(f), place) for f, place in properties.items() if f in expressions.times]

    def of(self, value: tuple[Any, ...], message_id: str) -> dict[str, Any]:
        """The message of one row."""
        event = value[self._event]
        kind, has_currency = self._contracts.get(event, ("track", False))
        properties = {name: found for name, place in self._plain if (found := value[place]) is not None}
        for name, place in self._times:
            if value[place] is not None:
                properties[name] = self._utc(value[place])
        if has_currency and "currency" not in properties:
            properties["currency"] = self._currency
        message: dict[str, Any] = {"type": kind, "event": event, "messageId": message_id}
        message["traits" if kind in ("identify", "group") else "properties"] = properties
        event_at = value[self._event_at]
        if event_at is not None:
            message["timestamp"] = self._utc(event_at)
        if self._user_id is not None and value[self._user_id]:
            message["userId"] = value[self._user_id]
        if self._anonymous_id is not None and value[self._anonymous_id]:
            message["anonymousId"] = value[self._anonymous_id]
        return message


def _name(field: str) -> str:
    return field.removeprefix(_PROPERTY)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files that `paths` name: files as they are, folders with all their CSV files, in order of their names.

    Raises AlmanacError for a path that does not exist and a folder without any such file.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.name.lower().endswith(SUFFIXES) and p.is_file())
            if not inside:
                raise AlmanacError(
                    f"{path} holds no file ending in {' or '.join(SUFFIXES)}: name another folder or files"
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise AlmanacError(f"{path} does not exist: name files or folders that do")
    return found


def _uuid(text: str) -> str:
    digest = md5(text.encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
