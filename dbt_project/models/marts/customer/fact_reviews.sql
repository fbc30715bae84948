{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as review_event_id,
    e.user_id,
    e.subject_id as review_id,
    e.listing_id,
    e.supplier_id,
    e.score,
    e.event_at as reviewed_at,
    e.event_date as review_date
from {{ ref("int_events__business") }} as e
where e.event = 'review_submitted'
