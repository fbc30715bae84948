{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as marketing_spend_id,
    coalesce(e.own_channel, 'unknown') as channel,
    e.amount as spend_amount,
    e.clicks as click_count,
    e.event_at as recorded_at,
    e.event_date as spend_date
from {{ ref("int_events__business") }} as e
where e.event = 'marketing_spend_recorded'
