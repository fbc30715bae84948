{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as pledge_event_id,
    e.user_id,
    e.subject_id as pledge_id,
    e.listing_id,
    e.group_id as community_id,
    coalesce(e.group_id, 'unknown') as community,
    coalesce(e.category, 'unknown') as category,
    e.amount as pledged_amount,
    e.event_at as pledged_at,
    e.event_date as pledge_date
from {{ ref("int_events__business") }} as e
where e.event = 'pledge_made'
