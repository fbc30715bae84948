"""An outbox: events that the platform writes into a table of its own database, in the transaction they are about.

Revenue and commission are then in the lake before any summary of them is written. Rows are read in the order of
(created_at, id) and landed as events through the ordinary contracts; how far has been read is what the lake holds, so
nothing is marked in the platform's database and a run that was killed is simply done again. A row may land twice; its
message id comes from its id, so the warehouse counts it once.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
from ingestion.sources.cursors import cursor_text, earlier, value_of
from ingestion.sources.fetched_source import FetchedSource, Outbox
from ingestion.sources.file_source import uuid_of
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
    """Land the rows that have not landed. Raises AlmanacError if the table cannot be read; what landed before stays."""
    outbox, url = source.outbox, settings.source_url(source.source)
    if outbox is None or url is None:
        raise AlmanacError(
            f"source {source.source}: set {settings.source_variable(source.source, 'URL')} to its address"
        )
    received_at = (now or datetime.now(UTC)).astimezone(UTC)
    received = accepted = quarantined = dropped = 0
    table = Table(source.tenant, source.source, MARKS)
    since = earlier(reached(lake, table), outbox.overlap)
    known = landed_digests(lake, table, since) if since is not None else set()
    suppression = load_suppression(settings)
    try:
        for batch in _batches(url, outbox, since):
            rows = [(row, mark) for row in batch if (mark := _mark(row)).digest not in known]
            if not rows:
                continue
            arrivals = [_arrival(source.source, row, received_at) for row, _ in rows]
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
        why = str(error.__cause__ or error).splitlines()[0]
        raise AlmanacError(f"source {source.source}: the outbox {outbox.table} cannot be read: {why}") from error
    return Taken(received, accepted, quarantined, dropped)


def _batches(url: str, outbox: Outbox, since: str | None) -> Iterator[Sequence[Any]]:
    engine = sqlalchemy.create_engine(url)
    schema, _, name = outbox.table.rpartition(".")
    try:
        table = sqlalchemy.Table(name, sqlalchemy.MetaData(), autoload_with=engine, schema=schema or None)
        for column in (outbox.id, outbox.payload, outbox.created_at):
            if column not in table.columns:
                raise AlmanacError(
                    f"the outbox {outbox.table} has no column {column}: it has {', '.join(table.columns.keys())}"
                )
        at, key = table.c[outbox.created_at], table.c[outbox.id]
        query = sqlalchemy.select(key, table.c[outbox.payload], at).order_by(at, key)
        if since is not None:
            query = query.where(at >= value_of(since, at.type))
        with engine.connect().execution_options(stream_results=True) as connection:
            yield from connection.execute(query).partitions(BATCH_ROWS)
    finally:
        engine.dispose()


def _mark(row: Sequence[Any]) -> TableRow:
    """What the lake remembers of a row: its id and its time; the payload lies among the events."""
    return TableRow(_encode([str(row[0])]).decode(), cursor_text(row[2]), "{}")


def _arrival(source: str, row: Sequence[Any], received_at: datetime) -> Arrival:
    """A row as an event: the payload is a message in Segment's shape, whose own time or message id come first.

    It is cleaned and held to the same limits as at the door of the collector.
    """
    key, payload, created_at = row
    raw = payload if isinstance(payload, bytes) else payload.encode() if isinstance(payload, str) else _encode(payload)
    taken = take_in(Item.of(raw))
    reasons = tuple(Reason(r.field or "payload", r.code, f"outbox row {key}: {r.message}") for r in taken.reasons)
    if taken.message is None:
        return Arrival(received_at, taken.raw, reasons, False)
    at = created_at if isinstance(created_at, str) else cursor_text(created_at)
    own = {"type": "track", "messageId": uuid_of(f"{source}\n{key}"), "timestamp": at if at[-1:] == "Z" else f"{at}Z"}
    return Arrival(received_at, {**own, **taken.message}, reasons, False, taken.warnings)
