{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as funnel_step_id,
    coalesce(e.funnel, 'unknown') as funnel,
    e.step,
    coalesce(e.anonymous_id, e.user_id) as visitor_id,
    e.user_id,
    e.person_id,
    e.session_id,
    e.listing_id,
    e.event_at as reached_at,
    e.event_date as reached_date
from {{ ref("int_events__in_sessions") }} as e
where e.event = 'funnel_step_reached'
