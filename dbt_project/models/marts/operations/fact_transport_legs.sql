{{ config(materialized=view_or_table()) }}

-- Up to 15 minutes after the plan is still in time (docs/decisions.md).
select
    e.tenant,
    e.message_id as leg_update_id,
    e.subject_id as leg_id,
    e.status,
    coalesce(e.origin, 'unknown') as origin,
    e.supplier_id,
    e.booking_id,
    e.planned_at,
    e.event_at as updated_at,
    e.status = 'departed' and e.event_at <= e.planned_at + interval '15 minutes' as is_departure_in_time,
    e.event_date as update_date
from {{ ref("int_events__business") }} as e
where e.event = 'transport_leg_updated'
