with
    rejected as (select * from {{ ref("stg_quarantine") }}),

    replayed as (select tenant, quarantine_file_id, quarantine_row, replayed_at from {{ ref("stg_replays") }}),

    ranked as (
        select
            r.*,
            row_number() over (
                partition by r.tenant order by r.received_at desc, r.file_id desc, r.ingest_row desc
            ) as recency
        from rejected as r
    )

select
    q.tenant,
    q.source,
    q.received_at,
    q.event,
    q.field,
    q.code,
    q.message,
    r.replayed_at,
    q.file_id,
    q.ingest_row,
    cast(q.recency as bigint) as recency
from ranked as q
left join replayed as r on r.tenant = q.tenant and r.quarantine_file_id = q.file_id and r.quarantine_row = q.ingest_row
where q.recency <= 200
