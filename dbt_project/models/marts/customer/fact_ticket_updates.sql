{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as ticket_update_id,
    e.subject_id as ticket_id,
    e.status,
    coalesce(e.category, 'unknown') as category,
    coalesce(e.priority, 'unknown') as priority,
    e.event_at as updated_at,
    e.event_date as update_date
from {{ ref("int_events__business") }} as e
where e.event = 'ticket_updated'
