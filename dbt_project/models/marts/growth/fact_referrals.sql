{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as referral_event_id,
    e.user_id,
    e.subject_id as referral_id,
    e.status,
    coalesce(e.own_channel, 'unknown') as channel,
    coalesce(e.amount, 0) as reward_amount,
    e.event_at as referred_at,
    e.event_date as referral_date
from {{ ref("int_events__business") }} as e
where e.event = 'referral_recorded'
