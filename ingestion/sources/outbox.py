"""An outbox: events that the platform writes into a table of its own database, in the transaction they are about.

Revenue and commission are then in the lake before any summary of them is written. Rows are read in the order of
(created_at, id) and landed as events through the ordinary contracts; how far has been read is what the lake holds, so
nothing is marked in the platform's database and a run that was killed is simply done again. A row may land twice; its
message id comes from its id, so the warehouse counts it once.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import sqlalchemy

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.collector.dialects import Item
from ingestion.collector.door import take_in
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.lake_tables import Table, TableRow, land_rows, landed_digests, reached
from ingestion.privacy.suppression import load_suppression
from ingestion.sources.cursors import cursor_text, earlier, python_type, value_of
from ingestion.sources.databases import engine_of, table_of
from ingestion.sources.fetched_source import FetchedSource, Outbox
from ingestion.sources.message_ids import uuid_of
from ingestion.sources.messages import MISSING_TIME
from ingestion.sources.outbox_times import UNITS, instant, units_a_second
from ingestion.sources.secrets import without_secrets
from ingestion.tracking_plan.contracts import Reason

BATCH_ROWS = 10_000  # rows of one landing
MARKS = "outbox"  # the table of the lake that says which rows have landed

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Taken:
    """What a run brought."""

    received: int
    accepted: int
    quarantined: int
    suppressed: int = 0  # rows of suppressed people, of which nothing was stored


def take_outbox(settings: Settings, source: FetchedSource, lake: Lake, now: datetime | None = None) -> Taken:
    """Land the rows that have not landed. Raises AlmanacError if the table cannot be read; what landed before stays.

    A row that cannot be read is named by one too, once all others have landed, and by every run until it is mended.
    """
    outbox, url = source.outbox, settings.source_url(source.source)
    if outbox is None or url is None:
        raise AlmanacError(
            f"source {source.source}: set {settings.source_variable(source.source, 'URL')} to its address"
        )
    received_at = (now or datetime.now(UTC)).astimezone(UTC)
    received = accepted = quarantined = dropped = 0
    table = Table(source.tenant, source.source, MARKS)
    reached_so_far = reached(lake, table)
    since = earlier(reached_so_far, outbox.overlap * units_a_second(reached_so_far))
    known = landed_digests(lake, table, since) if since is not None else set()
    suppression = load_suppression(settings)
    unfit: list[str] = []
    try:
        for batch in _batches(source.source, url, outbox, since, unfit):
            rows = [(row, mark) for row in batch if (mark := _mark(row)).digest not in known]
            if not rows:
                continue
            arrivals = [_arrival(source.source, outbox, row, received_at) for row, _ in rows]
            _refuse_without_times(source.source, outbox, arrivals)
            kept, suppressed = suppression.split(source.tenant, arrivals)
            content = hashlib.sha256(b"".join(mark.digest for _, mark in rows)).hexdigest()
            day = {received_at.date(): len(rows)}
            landed = lake.land(
                source.tenant, source.source, kept, content_hash=content, received=day, suppressed=suppressed
            )
            # Only now: a run that dies in between lands the events again, and their message ids are the same.
            land_rows(lake, table, [mark for _, mark in rows], received_at)
            known.update(mark.digest for _, mark in rows)
            received, dropped = received + len(rows), dropped + sum(suppressed.values())
            accepted, quarantined = accepted + landed.accepted, quarantined + landed.quarantined
    except sqlalchemy.exc.SQLAlchemyError as error:
        why = without_secrets(str(error.__cause__ or error).splitlines()[0], url)
        # Not `from error`: whoever shows the chain would show what was taken out.
        raise AlmanacError(f"source {source.source}: the outbox {outbox.table} cannot be read: {why}") from None
    if unfit:
        more = f" and {len(unfit) - 1:,} more" if len(unfit) > 1 else ""
        todo = f"write into it when the row was made, it lands then; {received:,} other rows landed"
        raise AlmanacError(f"source {source.source}: outbox {outbox.table}, {unfit[0]}{more}: {todo}")
    return Taken(received, accepted, quarantined, dropped)


def _batches(
    source: str, url: str, outbox: Outbox, since: str | None, unfit: list[str]
) -> Iterator[list[tuple[Any, Any, Any]]]:
    """Id, payload and time of the rows from `since` on, in order; those without a time are only named in `unfit`."""
    what = f"source {source}"
    engine = engine_of(what, url)
    try:
        table = table_of(f"{what}, outbox", engine, outbox.table)
        for column in (outbox.id, outbox.payload, outbox.created_at):
            if column not in table.columns:
                raise AlmanacError(
                    f"the outbox {outbox.table} has no column {column}: it has {', '.join(table.columns.keys())}"
                )
        at, key = table.c[outbox.created_at], table.c[outbox.id]
        # As the driver gives it: SQLAlchemy would end at the first time that is none and not say in which row.
        plain = sqlalchemy.type_coerce(at, sqlalchemy.types.NullType())
        query = sqlalchemy.select(key, table.c[outbox.payload], plain).order_by(at, key)
        if since is not None:
            query = query.where(sqlalchemy.or_(at >= value_of(since, at.type), *_strange(at, engine.dialect.name)))
        with engine.connect().execution_options(stream_results=True) as connection:
            for rows in connection.execute(query).partitions(BATCH_ROWS):
                yield list(_with_times(rows, at, unfit))
    finally:
        engine.dispose()


def _strange(at: sqlalchemy.Column[Any], dialect: str) -> list[sqlalchemy.ColumnElement[bool]]:
    """Which rows no cursor reaches, because they have no time; they are read again each time, to be named."""
    found: list[sqlalchemy.ColumnElement[bool]] = [at.is_(None)]
    if dialect == "sqlite" and issubclass(python_type(at.type), date):
        found.append(sqlalchemy.type_coerce(at, sqlalchemy.String()).not_like("____-__-__%"))
    return found


def _with_times(rows: Sequence[Any], at: sqlalchemy.Column[Any], unfit: list[str]) -> Iterator[tuple[Any, Any, Any]]:
    kind: Any = python_type(at.type)
    for key, payload, value in rows:
        try:
            # SQLite keeps times as text, or as whatever was written.
            is_text = isinstance(value, str) and issubclass(kind, date)
            moment = kind.fromisoformat(value) if is_text else value
            if issubclass(kind, date) and not isinstance(moment, date):
                raise ValueError("no time")
            cursor_text(moment)
        except ValueError:
            shown = "null" if value is None else repr(value)[:60]
            unfit.append(f"row {key}: its {at.name} is {shown} and no time")
        else:
            yield key, payload, moment


def _mark(row: Sequence[Any]) -> TableRow:
    """What the lake remembers of a row: its id and its time; the payload lies among the events."""
    return TableRow(_encode([str(row[0])]).decode(), cursor_text(row[2]), "{}")


def _arrival(source: str, outbox: Outbox, row: Sequence[Any], received_at: datetime) -> Arrival:
    """A row as an event: the payload is a message in Segment's shape, whose own time or message id come first.

    It is cleaned and held to the same limits as at the door of the collector. Where neither the message nor the row
    says when it was it is refused: booked at its arrival it would be in another day's revenue.
    """
    key, payload, created_at = row
    raw = payload if isinstance(payload, bytes) else payload.encode() if isinstance(payload, str) else _encode(payload)
    taken = take_in(Item.of(raw))
    reasons = tuple(Reason(r.field or "payload", r.code, f"outbox row {key}: {r.message}") for r in taken.reasons)
    if taken.message is None:
        return Arrival(received_at, taken.raw, reasons, False)
    at = instant(created_at)
    if at is None and not any(taken.message.get(name) for name in ("timestamp", "originalTimestamp")):
        shown = f"its {outbox.created_at} is {repr(created_at)[:60]}, and its message has no timestamp"
        reasons += (Reason("timestamp", MISSING_TIME, f"outbox row {key}: {shown}"),)
    own = {"type": "track", "messageId": uuid_of(f"{source}\n{key}"), "timestamp": at}
    # Programs write null for what they do not know; without its row's id a message that lands twice would count twice.
    given = {name: value for name, value in taken.message.items() if name not in own or value not in (None, "")}
    return Arrival(received_at, {**own, **given}, reasons, False, taken.warnings)


def _refuse_without_times(source: str, outbox: Outbox, arrivals: Sequence[Arrival]) -> None:
    """Raises AlmanacError if no row says when it was made: the wrong column, rather than rows that are wrong."""
    found = [next((r for r in one.reasons if r.code == MISSING_TIME), None) for one in arrivals]
    if found[0] is not None and all(found):
        todo = f"give it one, or name as created_at a column of times, or of {UNITS}"
        raise AlmanacError(f"source {source}, table {outbox.table}: {found[0].message}: {todo}; nothing of it landed")
