{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as page_leave_id,
    e.visitor_id,
    coalesce(e.route, 'unknown') as route,
    cast(e.dwell_seconds as decimal(18, 4)) as seconds_open,
    cast(e.depth_ratio as decimal(18, 4)) as scrolled_ratio,
    e.event_at as left_at,
    e.event_date as left_date
from {{ ref("int_events__telemetry") }} as e
where e.event = 'page_left'
