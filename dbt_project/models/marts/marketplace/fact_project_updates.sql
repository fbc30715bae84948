{{ config(materialized=view_or_table()) }}

with
    events as (
        select * from {{ ref("int_events__business") }} where event = 'listing_updated' and listing_type = 'project'
    ),

    -- A project that is told to be active again, after a pause or with another title, was launched before; so it is
    -- with the other states, for every telling says one.
    followed as (
        select
            e.*,
            {{ telling("listing_id") }} as telling,
            min(case when status = 'active' then event_date end) over (partition by tenant, listing_id) as launch_date
        from events as e
    )

select
    tenant,
    message_id as project_update_id,
    listing_id,
    group_id as community_id,
    coalesce(group_id, 'unknown') as community,
    coalesce(category, 'unknown') as category,
    status,
    status = 'active' and telling = 1 as is_launch,
    telling = 1 as is_first_told,
    target_amount,
    case when status = 'funded' and telling = 1 then cast(event_date - launch_date as bigint) end as days_to_funding,
    event_at as updated_at,
    event_date as update_date
from followed
