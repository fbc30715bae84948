{{ config(materialized=view_or_table()) }}

with
    updates as (
        select
            e.*,
            row_number() over (
                partition by e.tenant, e.supplier_id order by e.event_at desc, e.message_id desc
            ) as recency,
            min(e.event_at) over (partition by e.tenant, e.supplier_id) as joined_at
        from {{ ref("int_events__business") }} as e
        where e.event = 'supplier_updated' and e.supplier_id is not null
    )

-- The newest event describes the supplier.
select
    tenant,
    supplier_id,
    status,
    title,
    category,
    city,
    country,
    supplier_user_id as user_id,
    joined_at,
    event_at as updated_at
from updates
where recency = 1
