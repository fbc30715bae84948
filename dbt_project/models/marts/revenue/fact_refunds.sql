{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'refund_issued'),

    -- A refund is given back once, however often and with whatever amount that is told.
    followed as (select e.*, {{ telling("subject_id", state=none) }} as telling from events as e)

select
    tenant,
    message_id as refund_event_id,
    user_id,
    subject_id as refund_id,
    telling = 1 as is_first_told,
    booking_id,
    case when telling = 1 then amount else 0 end as refunded_amount,
    event_at as refunded_at,
    event_date as refund_date
from followed
