{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as flag_evaluation_id,
    e.flag,
    e.variant,
    e.flag || ': ' || e.variant as flag_variant,
    coalesce(e.reason, 'unknown') as reason,
    e.user_id,
    e.visitor_id,
    e.event_at as evaluated_at,
    e.event_date as evaluation_date
from {{ ref("int_events__choices") }} as e
where e.event = 'flag_evaluated'
