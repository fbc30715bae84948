{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as api_request_id,
    coalesce(e.service, 'unknown') as service,
    coalesce(e.route, 'unknown') as route,
    e.status_code,
    cast(e.latency_ms as decimal(18, 4)) as answer_ms,
    e.event_at as requested_at,
    e.event_date as request_date,
    {{ hour_of_day("e.event_hour") }} as hour_of_day
from {{ ref("int_events__telemetry") }} as e
where e.event = 'api_request'
