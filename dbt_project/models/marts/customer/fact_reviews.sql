{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'review_submitted'),

    -- A review counts once, with the stars that were first given.
    followed as (select e.*, {{ telling("subject_id", state=none) }} as telling from events as e)

select
    tenant,
    message_id as review_event_id,
    user_id,
    subject_id as review_id,
    telling = 1 as is_first_told,
    listing_id,
    supplier_id,
    score,
    event_at as reviewed_at,
    event_date as review_date
from followed
