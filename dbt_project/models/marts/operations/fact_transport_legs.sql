{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'transport_leg_updated'),

    -- A leg departs once; that it is scheduled for another time or told to have departed again is the same leg.
    followed as (select e.*, {{ telling("subject_id") }} as telling from events as e)

-- Up to 15 minutes after the plan is still in time (docs/decisions.md).
select
    tenant,
    message_id as leg_update_id,
    subject_id as leg_id,
    status,
    telling = 1 as is_first_told,
    coalesce(origin, 'unknown') as origin,
    supplier_id,
    booking_id,
    planned_at,
    event_at as updated_at,
    status = 'departed' and event_at <= planned_at + interval '15 minutes' as is_departure_in_time,
    event_date as update_date
from followed
