"""A backfill: what arrived in some span of days is taken from the lake once more, a few days at a time.

A chunk marks its landings as not built and is one ordinary build, which also takes whatever else is pending. Finished
chunks are recorded in the warehouse: a backfill that was stopped or failed goes on with the first one that is left.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from almanac.build import BuildResult, build_lock, run_build
from almanac.dbt_worker import OnEvent, Runner
from almanac.engines import Engine, open_warehouse
from almanac.errors import AlmanacError
from almanac.load_log import LoadLog
from almanac.locks import exclusive
from almanac.openlineage.events import Run
from almanac.publish import record_failure
from almanac.settings import Settings
from ingestion.lake_entries import Entry, received_on
from ingestion.tracking_plan import load_plan

CHUNK_DAYS = 7  # a week of arrivals is one build


@dataclass(frozen=True)
class Span:
    """What to take once more: days of arrival (UTC, both ends included), of one tenant or (None) of all."""

    first: date
    last: date
    tenant: str | None = None

    def holds(self, entry: Entry) -> bool:
        """Whether a file of the lake lies in it."""
        return self.first <= received_on(entry) <= self.last and self.tenant in (None, entry.tenant)


@dataclass(frozen=True)
class Chunk:
    """Some days of a backfill; `run_id` is the build that finished it (empty: none was needed), None while it waits."""

    span: Span
    run_id: str | None = None


@dataclass(frozen=True)
class Backfill:
    """A backfill as it is recorded."""

    id: str
    span: Span
    chunks: tuple[Chunk, ...]
    started_at: datetime
    finished_at: datetime | None

    @property
    def waiting(self) -> list[Chunk]:
        """The chunks that are not finished, oldest first."""
        return [chunk for chunk in self.chunks if chunk.run_id is None]


OnChunk = Callable[[Backfill, Chunk, BuildResult], None]


def run_backfill(
    settings: Settings,
    span: Span,
    *,
    chunk_days: int = CHUNK_DAYS,
    runner: Runner | None = None,
    on_event: OnEvent | None = None,
    on_chunk: OnChunk | None = None,
    parent: Run | None = None,
) -> Backfill:
    """Take a span of days from the lake once more, `chunk_days` at a time, on the engine of `settings.target`.

    One of the same span that is not finished goes on where it stopped, in the chunks that it was begun with. `on_event`
    sees each model and test as it finishes, `on_chunk` each chunk; `parent` is the run that asked for it, for lineage.
    Raises AlmanacError if the span is none, a tenant is unknown, another backfill runs, or a build fails; what is
    finished stays so.
    """
    if span.last < span.first:
        raise AlmanacError(f"a backfill from {span.first} to {span.last} holds no day: the first day comes first")
    if span.tenant is not None:
        load_plan(settings.root).tenant(span.tenant)
    with exclusive(settings.home / "warehouse" / f"{settings.target}-backfill.lock", "a backfill"):
        backfill = _begun(settings, span, chunk_days)
        for chunk in backfill.waiting:
            result = run_build(settings, runner=runner, on_event=on_event, again=chunk.span.holds, parent=parent)
            if not result.succeeded:
                names = [node.name for node in result.failed]
                why = ", ".join(names[:3]) or " ".join(result.error.split())
                said = f"the backfill stopped at {chunk.span.first} to {chunk.span.last}: the build failed ({why})"
                if settings.target == "duckdb":
                    record_failure(settings, said, names)
                raise AlmanacError(f"{said}; the same command goes on from there")
            backfill = _finished(settings, backfill.id, chunk, result)
            if on_chunk:
                on_chunk(backfill, chunk, result)
    return backfill


def backfills(settings: Settings) -> list[Backfill]:
    """All backfills of the warehouse of `settings.target`, the newest first; without a warehouse there are none."""
    if settings.target == "duckdb" and not settings.warehouse.exists():
        return []
    with _open(settings) as engine:
        return _read(engine)


def _begun(settings: Settings, span: Span, chunk_days: int) -> Backfill:
    """The unfinished one of this span, or a new one."""
    with _open(settings) as engine:
        for known in _read(engine):
            if known.span == span and known.waiting:
                return known
        made = Backfill(uuid.uuid4().hex, span, _chunks(span, chunk_days), datetime.now(UTC).replace(tzinfo=None), None)
        engine.insert(
            "ctl.backfill",
            [
                (
                    made.id,
                    span.tenant,
                    span.first,
                    span.last,
                    one.span.first,
                    one.span.last,
                    None,
                    made.started_at,
                    None,
                )
                for one in made.chunks
            ],
        )
        return made


def _chunks(span: Span, days: int) -> tuple[Chunk, ...]:
    starts = range(0, (span.last - span.first).days + 1, days)
    firsts = [span.first + timedelta(days=n) for n in starts]
    return tuple(Chunk(Span(f, min(f + timedelta(days=days - 1), span.last), span.tenant)) for f in firsts)


def _finished(settings: Settings, backfill_id: str, chunk: Chunk, result: BuildResult) -> Backfill:
    with _open(settings) as engine:
        engine.execute(
            "update ctl.backfill set run_id = ?, finished_at = ? where backfill_id = ? and chunk_first = ?",
            [result.run_id, datetime.now(UTC).replace(tzinfo=None), backfill_id, chunk.span.first],
        )
        return next(one for one in _read(engine) if one.id == backfill_id)


@contextmanager
def _open(settings: Settings) -> Iterator[Engine]:
    """The warehouse, when no build writes to it."""
    with build_lock(settings), open_warehouse(settings) as engine:
        LoadLog(engine)
        yield engine


def _read(engine: Engine) -> list[Backfill]:
    rows = engine.execute(
        "select backfill_id, tenant, first_day, last_day, chunk_first, chunk_last, run_id, started_at, finished_at "
        "from ctl.backfill order by started_at desc, backfill_id, chunk_first"
    )
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return [_backfill(backfill_id, own) for backfill_id, own in found.items()]


def _backfill(backfill_id: str, rows: list[tuple[Any, ...]]) -> Backfill:
    _, tenant, first, last, *_ = rows[0]
    chunks = tuple(Chunk(Span(row[4], row[5], tenant), row[6]) for row in rows)
    ends = [row[8] for row in rows]
    return Backfill(backfill_id, Span(first, last, tenant), chunks, rows[0][7], None if None in ends else max(ends))
