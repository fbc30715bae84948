{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as invoice_update_id,
    e.subject_id as invoice_id,
    e.status,
    e.booking_id,
    e.amount as invoice_amount,
    e.event_at as updated_at,
    e.event_date as update_date
from {{ ref("int_events__business") }} as e
where e.event = 'invoice_updated'
