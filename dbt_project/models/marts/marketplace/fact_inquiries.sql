{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as inquiry_event_id,
    e.user_id,
    e.subject_id as inquiry_id,
    e.event = 'inquiry_answered' as is_answer,
    e.status,
    e.listing_id,
    e.event_at as happened_at,
    e.event_date as inquiry_date
from {{ ref("int_events__business") }} as e
where e.event in ('inquiry_sent', 'inquiry_answered')
