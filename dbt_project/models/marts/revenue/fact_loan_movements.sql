{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as loan_movement_id,
    e.user_id,
    e.subject_id as loan_id,
    e.group_id as community_id,
    e.event = 'repayment_recorded' as is_instalment,
    e.status,
    case when e.event = 'loan_updated' and e.status = 'disbursed' then e.amount else 0 end as disbursed_amount,
    case
        when e.event = 'repayment_recorded' and e.status = 'paid' then e.principal_amount else 0
    end as principal_amount,
    case when e.event = 'repayment_recorded' and e.status = 'paid' then e.interest_amount else 0 end as interest_amount,
    case when e.event = 'repayment_recorded' and e.status = 'missed' then e.amount else 0 end as missed_amount,
    e.event_at as moved_at,
    e.event_date as movement_date
from {{ ref("int_events__business") }} as e
where e.event in ('loan_updated', 'repayment_recorded')
