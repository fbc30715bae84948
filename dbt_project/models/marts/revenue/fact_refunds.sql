{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as refund_event_id,
    e.user_id,
    e.subject_id as refund_id,
    e.booking_id,
    e.amount as refunded_amount,
    e.event_at as refunded_at,
    e.event_date as refund_date
from {{ ref("int_events__business") }} as e
where e.event = 'refund_issued'
