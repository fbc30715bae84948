{{ config(materialized=view_or_table()) }}

with
    events as (
        select *
        from {{ ref("int_events__business") }}
        where event = 'booking_status_changed' and status in ('completed', 'no_show')
    ),

    -- A booking that is told to be completed again was completed before. How many hours it took may become known
    -- later than that.
    followed as (
        select e.*, {{ telling("booking_id") }} as telling, {{ telling("booking_id", "hours") }} as telling_of_hours
        from events as e
    )

select
    tenant,
    message_id as outcome_id,
    booking_id,
    listing_id,
    coalesce(supplier_id, 'unknown') as supplier,
    status,
    telling = 1 as is_first_told,
    case when telling_of_hours = 1 then hours end as hours_delivered,
    event_at as ended_at,
    event_date as outcome_date
from followed
