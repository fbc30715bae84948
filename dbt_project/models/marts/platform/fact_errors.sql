{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as error_id,
    coalesce(e.error_type, 'unknown') as error_type,
    coalesce(e.severity, 'unknown') as severity,
    coalesce(e.service, 'unknown') as service,
    coalesce(e.route, 'unknown') as route,
    coalesce(e.is_handled, false) as is_handled,
    e.event_at as occurred_at,
    e.event_date as error_date,
    {{ hour_of_day("e.event_hour") }} as hour_of_day
from {{ ref("int_events__telemetry") }} as e
where e.event = 'error_occurred'
