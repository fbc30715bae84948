{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'ticket_updated'),

    -- Time runs from the first opening, also for a ticket that is opened again.
    followed as (
        select
            e.*, min(case when status = 'opened' then event_at end) over (partition by tenant, subject_id) as opened_at
        from events as e
    )

select
    tenant,
    message_id as ticket_update_id,
    subject_id as ticket_id,
    status,
    coalesce(category, 'unknown') as category,
    coalesce(priority, 'unknown') as priority,
    event_at as updated_at,
    event_date as update_date,
    case when status <> 'opened' then {{ hours_between("opened_at", "event_at") }} end as hours_since_opened
from followed
