with
    rejected as (select * from {{ ref("stg_quarantine") }}),

    ranked as (
        select
            r.*,
            row_number() over (
                partition by r.tenant order by r.received_at desc, r.file_id desc, r.ingest_row desc
            ) as recency
        from rejected as r
    )

select tenant, source, received_at, event, field, code, message, cast(recency as bigint) as recency
from ranked
where recency <= 200
