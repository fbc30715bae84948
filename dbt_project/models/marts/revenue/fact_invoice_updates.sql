{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'invoice_updated'),

    -- An invoice that is told to be paid again was paid before; so it is with the other states.
    followed as (select e.*, {{ telling("subject_id") }} as telling from events as e)

select
    tenant,
    message_id as invoice_update_id,
    subject_id as invoice_id,
    status,
    telling = 1 as is_first_told,
    booking_id,
    amount as invoice_amount,
    event_at as updated_at,
    event_date as update_date
from followed
