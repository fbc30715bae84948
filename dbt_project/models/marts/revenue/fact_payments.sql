{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as payment_attempt_id,
    e.user_id,
    coalesce(e.provider, 'unknown') as provider,
    e.subject_id as payment_id,
    e.status,
    e.booking_id,
    case when e.status = 'succeeded' then e.amount else 0 end as received_amount,
    coalesce(e.fee, 0) as fee_amount,
    e.event_at as attempted_at,
    e.event_date as payment_date
from {{ ref("int_events__business") }} as e
where e.event = 'payment_processed'
