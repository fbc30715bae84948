{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as view_id,
    e.person_id,
    e.session_id,
    e.channel,
    e.event_at as viewed_at,
    e.event_date as view_date,
    e.listing_id
from {{ ref("int_events__in_sessions") }} as e
where e.event = 'listing_viewed'
