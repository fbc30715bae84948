"""Copies of one message that say something else than the first: the warehouse counts that one, here are the others.

A client that sends again sends the same. What differs has another cause, such as an id that is used twice, and nobody
would see it: the later content counts nowhere.
"""

from datetime import date
from typing import NamedTuple

from ingestion.lake import Lake

CODE = "duplicate_conflict"
# What makes two copies different. When they were sent and received differs whenever something is sent again.
_CONTENT = ("type", "event", "user_id", "anonymous_id", "session_id", "original_at", "properties", "context")


class Conflict(NamedTuple):
    """A later copy (`file_id`, `ingest_row`; received at, UTC) and in what it differs from the first one."""

    tenant: str
    source: str
    message_id: str
    event: str
    received_at: str
    file_id: str
    ingest_row: int
    differs: tuple[str, ...]


def conflicts(lake: Lake, tenant: str | None = None, since: date | None = None) -> list[Conflict]:
    """Every accepted event of which an earlier copy says something else, latest first.

    All events (of the tenant) are compared; `since` leaves out what arrived before that UTC day. Raises AlmanacError if
    the lake cannot be read.
    """
    files = [lake.locate(e.path) for e in lake.entries("events") if tenant in (None, e.tenant) and e.rows]
    if not files:
        return []
    differs = ", ".join(f"case when c.{name} is distinct from f.{name} then '{name}' end" for name in _CONTENT)
    query = f"""
        with
            events as (select * from read_parquet(?, union_by_name = true, hive_partitioning = false)),
            repeated as (select tenant, message_id from events group by all having count(*) > 1),
            copies as (
                select
                    e.*,
                    row_number() over (
                        partition by e.tenant, e.message_id order by e.received_at, e.file_id, e.ingest_row
                    ) as copy_rank
                from events as e
                semi join repeated as r on r.tenant = e.tenant and r.message_id = e.message_id
            ),
            compared as (
                select c.*, list_filter([{differs}], x -> x is not null) as differs
                from copies as c
                inner join copies as f on f.tenant = c.tenant and f.message_id = c.message_id and f.copy_rank = 1
                where c.copy_rank > 1
            )
        select
            tenant, source, coalesce(original_message_id, cast(message_id as varchar)), event,
            cast(received_at as varchar), cast(file_id as varchar), ingest_row, differs
        from compared
        where len(differs) > 0 and received_at >= coalesce(cast(? as date), '-infinity'::date)
        order by received_at desc, file_id, ingest_row
    """
    with lake.engine() as engine:
        rows = engine.execute(query, [files, since]).fetchall()
    return [Conflict._make((*row[:-1], tuple(row[-1]))) for row in rows]
