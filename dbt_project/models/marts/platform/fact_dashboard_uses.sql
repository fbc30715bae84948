{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as dashboard_use_id,
    coalesce(e.dashboard, 'unknown') as dashboard,
    coalesce(e.action, 'unknown') as action,
    e.event_at as used_at,
    e.event_date as use_date
from {{ ref("int_events__telemetry") }} as e
where e.event = 'dashboard_used'
