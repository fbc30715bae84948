{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as funnel_step_id,
    coalesce(e.funnel, 'unknown') as funnel,
    e.step,
    e.visitor_id,
    e.user_id,
    e.listing_id,
    e.event_at as reached_at,
    e.event_date as reached_date
from {{ ref("int_events__choices") }} as e
where e.event = 'funnel_step_reached'
