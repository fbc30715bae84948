{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as outcome_id,
    e.booking_id,
    e.listing_id,
    coalesce(e.supplier_id, 'unknown') as supplier,
    e.status,
    e.hours as hours_delivered,
    e.event_at as ended_at,
    e.event_date as outcome_date
from {{ ref("int_events__business") }} as e
where e.event = 'booking_status_changed' and e.status in ('completed', 'no_show')
