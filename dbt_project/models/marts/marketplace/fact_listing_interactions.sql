{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as interaction_id,
    e.listing_id,
    e.visitor_id,
    e.action,
    coalesce(e.placement, 'unknown') as placement,
    e.position,
    e.event_at as interacted_at,
    e.event_date as interaction_date
from {{ ref("int_events__choices") }} as e
where e.event = 'listing_interacted'
