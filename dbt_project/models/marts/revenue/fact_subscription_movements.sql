{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'subscription_changed'),

    -- Of two movements of one moment a beginning comes first, and the same ones stand side by side.
    numbered as (
        select
            e.*,
            row_number() over (
                partition by tenant, subject_id
                order by event_at, case when movement = 'new' then 0 else 1 end, previous_mrr, mrr, movement, message_id
            ) as movement_number
        from events as e
    ),

    -- A subscription cannot move twice from the same to the same without moving back in between.
    followed as (
        select
            n.*,
            coalesce(
                subject_id is not null
                and movement = lag(movement) over whole
                and previous_mrr = lag(previous_mrr) over whole
                and mrr = lag(mrr) over whole,
                false
            ) as is_told_again
        from numbered as n
        window whole as (partition by tenant, subject_id order by movement_number)
    )

select
    tenant,
    message_id as subscription_movement_id,
    user_id,
    subject_id as subscription_id,
    coalesce(movement, 'unknown') as movement,
    coalesce(plan, 'unknown') as plan_name,
    not is_told_again as is_first_told,
    previous_mrr as previous_mrr_amount,
    case when is_told_again then 0 else mrr - previous_mrr end as mrr_change_amount,
    case
        when movement in ('churn', 'contraction') and not is_told_again then previous_mrr - mrr else 0
    end as lost_mrr_amount,
    movement_number,
    event_at as moved_at,
    event_date as movement_date
from followed
