{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as subscription_movement_id,
    e.user_id,
    e.subject_id as subscription_id,
    coalesce(e.movement, 'unknown') as movement,
    coalesce(e.plan, 'unknown') as plan_name,
    e.previous_mrr as previous_mrr_amount,
    e.mrr - e.previous_mrr as mrr_change_amount,
    case when e.movement in ('churn', 'contraction') then e.previous_mrr - e.mrr else 0 end as lost_mrr_amount,
    -- Of two movements of one moment a beginning comes first.
    row_number() over (
        partition by e.tenant, e.subject_id
        order by e.event_at, case when e.movement = 'new' then 0 else 1 end, e.message_id
    ) as movement_number,
    e.event_at as moved_at,
    e.event_date as movement_date
from {{ ref("int_events__business") }} as e
where e.event = 'subscription_changed'
