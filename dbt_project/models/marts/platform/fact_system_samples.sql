{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as system_sample_id,
    coalesce(e.service, 'unknown') as service,
    coalesce(e.metric, 'unknown') as metric,
    cast(e.value as decimal(18, 4)) as sampled_value,
    e.event_at as sampled_at,
    e.event_date as sample_date
from {{ ref("int_events__telemetry") }} as e
where e.event = 'system_sampled'
