{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as ad_view_id,
    e.subject_id as ad_id,
    e.user_id,
    e.listing_id,
    coalesce(e.group_id, 'unknown') as community,
    coalesce(e.is_completed, false) as is_completed,
    coalesce(e.amount, 0) as earned_amount,
    e.event_at as viewed_at,
    e.event_date as view_date
from {{ ref("int_events__business") }} as e
where e.event = 'ad_viewed'
