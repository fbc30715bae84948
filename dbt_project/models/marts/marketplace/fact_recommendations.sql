{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as recommendation_event_id,
    e.user_id,
    e.subject_id as recommendation_id,
    e.listing_id,
    e.action,
    e.event_at as happened_at,
    e.event_date as recommendation_date
from {{ ref("int_events__business") }} as e
where e.event = 'recommendation_interacted'
