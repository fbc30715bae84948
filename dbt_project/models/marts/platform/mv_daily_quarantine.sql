with
    rejected as (select * from {{ ref("stg_quarantine") }}),

    replayed as (select tenant, quarantine_file_id, quarantine_row from {{ ref("stg_replays") }})

select
    q.tenant,
    q.source,
    coalesce(q.event, '') as event,
    q.received_date,
    q.field,
    q.code,
    cast(count(*) as bigint) as quarantined,
    cast(count(r.quarantine_row) as bigint) as replayed
from rejected as q
left join replayed as r on r.tenant = q.tenant and r.quarantine_file_id = q.file_id and r.quarantine_row = q.ingest_row
group by q.tenant, q.source, coalesce(q.event, ''), q.received_date, q.field, q.code
