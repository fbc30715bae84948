{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'lead_updated'),

    -- A lead that is told to be won again, with another amount or because the CRM was saved, was won before. What it is
    -- worth may become known later than that.
    followed as (
        select e.*, {{ telling("subject_id") }} as telling, {{ telling("subject_id", "amount") }} as telling_of_amount
        from events as e
    )

select
    tenant,
    message_id as lead_update_id,
    subject_id as lead_id,
    status,
    telling = 1 as is_first_told,
    coalesce(own_channel, 'unknown') as channel,
    case when status = 'won' and telling_of_amount = 1 then amount else 0 end as won_amount,
    event_at as updated_at,
    event_date as update_date
from followed
