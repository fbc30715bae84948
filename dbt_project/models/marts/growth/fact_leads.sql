{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as lead_update_id,
    e.subject_id as lead_id,
    e.status,
    coalesce(e.own_channel, 'unknown') as channel,
    case when e.status = 'won' then e.amount else 0 end as won_amount,
    e.event_at as updated_at,
    e.event_date as update_date
from {{ ref("int_events__business") }} as e
where e.event = 'lead_updated'
