{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event in ('scan_completed', 'scan_failed')),

    -- A scan fails once or goes well once. How long the equipment was out may be told later than that.
    followed as (
        select
            e.*,
            {{ telling("subject_id", state="event") }} as telling,
            {{ telling("subject_id", "hours", state="event") }} as telling_of_hours
        from events as e
    )

select
    tenant,
    message_id as scan_event_id,
    subject_id as scan_id,
    equipment_id,
    coalesce(site, 'unknown') as site,
    status,
    event = 'scan_failed' as is_exception,
    telling = 1 as is_first_told,
    reason,
    case when telling_of_hours = 1 then hours end as hours_out,
    event_at as scanned_at,
    event_date as scan_date
from followed
