{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as scan_event_id,
    e.subject_id as scan_id,
    e.equipment_id,
    coalesce(e.site, 'unknown') as site,
    e.status,
    e.event = 'scan_failed' as is_exception,
    e.reason,
    e.hours as hours_out,
    e.event_at as scanned_at,
    e.event_date as scan_date
from {{ ref("int_events__business") }} as e
where e.event in ('scan_completed', 'scan_failed')
