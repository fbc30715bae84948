{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'ticket_updated'),

    -- Time runs from the first opening, also for a ticket that is opened again. A ticket that is told to be where it is
    -- has not moved; it may come to the same state again after another one.
    followed as (
        select
            e.*,
            min(case when status = 'opened' then event_at end) over (partition by tenant, subject_id) as opened_at,
            lag(status) over (partition by tenant, subject_id order by event_at, status, message_id) as previous_status
        from events as e
    )

select
    tenant,
    message_id as ticket_update_id,
    subject_id as ticket_id,
    status,
    subject_id is null or coalesce(status <> previous_status, true) as is_first_told,
    coalesce(category, 'unknown') as category,
    coalesce(priority, 'unknown') as priority,
    event_at as updated_at,
    event_date as update_date,
    case when status <> 'opened' then {{ hours_between("opened_at", "event_at") }} end as hours_since_opened
from followed
