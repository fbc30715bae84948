{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as web_vital_id,
    e.visitor_id,
    coalesce(e.metric, 'unknown') as metric,
    coalesce(e.route, 'unknown') as route,
    coalesce(e.vital_rating, 'unknown') as rating,
    cast(e.value as decimal(18, 4)) as measured_value,
    e.event_at as measured_at,
    e.event_date as measured_date
from {{ ref("int_events__telemetry") }} as e
where e.event = 'web_vital_measured'
