{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'notification_updated'),

    -- A notification is sent and arrives once on each channel; it can be opened and clicked often.
    followed as (select e.*, {{ telling("subject_id", state=["status", "own_channel"]) }} as telling from events as e)

select
    tenant,
    message_id as notification_update_id,
    subject_id as notification_id,
    user_id,
    status,
    status in ('opened', 'clicked') or telling = 1 as is_first_told,
    coalesce(template, 'unknown') as template,
    own_channel as delivery_channel,
    event_at as updated_at,
    event_date as update_date
from followed
