{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as notification_update_id,
    e.subject_id as notification_id,
    e.user_id,
    e.status,
    coalesce(e.template, 'unknown') as template,
    e.own_channel as delivery_channel,
    e.event_at as updated_at,
    e.event_date as update_date
from {{ ref("int_events__business") }} as e
where e.event = 'notification_updated'
