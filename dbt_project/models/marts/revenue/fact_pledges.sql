{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'pledge_made'),

    -- A pledge is made once, by who first told it.
    followed as (select e.*, {{ telling("subject_id", state=none) }} as telling from events as e)

select
    tenant,
    message_id as pledge_event_id,
    user_id,
    subject_id as pledge_id,
    telling = 1 as is_first_told,
    listing_id,
    group_id as community_id,
    case when telling = 1 then user_id end as backer_id,
    case when telling = 1 then listing_id end as pledged_listing_id,
    case when telling = 1 then group_id end as pledged_community_id,
    coalesce(group_id, 'unknown') as community,
    coalesce(category, 'unknown') as category,
    case when telling = 1 then amount else 0 end as pledged_amount,
    event_at as pledged_at,
    event_date as pledge_date
from followed
