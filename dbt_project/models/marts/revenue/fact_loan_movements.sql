{{ config(materialized=view_or_table()) }}

{% set states = ["event", "status", "installment"] %}

with
    events as (select * from {{ ref("int_events__business") }} where event in ('loan_updated', 'repayment_recorded')),

    -- A loan comes to each of its states once, and so does each of its instalments, which go by their numbers. How an
    -- instalment is divided may become known later than that it was paid.
    followed as (
        select
            e.*,
            {{ telling("subject_id", state=states) }} as telling,
            {{ telling("subject_id", "principal_amount", state=states) }} as telling_of_principal,
            {{ telling("subject_id", "interest_amount", state=states) }} as telling_of_interest
        from events as e
    )

select
    tenant,
    message_id as loan_movement_id,
    user_id,
    subject_id as loan_id,
    group_id as community_id,
    event = 'repayment_recorded' as is_instalment,
    installment as instalment_number,
    status,
    telling = 1 as is_first_told,
    case
        when event = 'loan_updated' and status = 'disbursed' and telling = 1 then amount else 0
    end as disbursed_amount,
    case
        when event = 'repayment_recorded' and status = 'paid' and telling_of_principal = 1 then principal_amount else 0
    end as principal_amount,
    case
        when event = 'repayment_recorded' and status = 'paid' and telling_of_interest = 1 then interest_amount else 0
    end as interest_amount,
    case
        when event = 'repayment_recorded' and status = 'missed' and telling = 1 then amount else 0
    end as missed_amount,
    event_at as moved_at,
    event_date as movement_date
from followed
