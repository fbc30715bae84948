{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event = 'referral_recorded'),

    -- An invitation is sent once, and leads to one account and one customer. What it earned may be told later than
    -- that.
    followed as (
        select e.*, {{ telling("subject_id") }} as telling, {{ telling("subject_id", "amount") }} as telling_of_amount
        from events as e
    )

select
    tenant,
    message_id as referral_event_id,
    user_id,
    subject_id as referral_id,
    status,
    telling = 1 as is_first_told,
    coalesce(own_channel, 'unknown') as channel,
    case when telling_of_amount = 1 then coalesce(amount, 0) else 0 end as reward_amount,
    event_at as referred_at,
    event_date as referral_date
from followed
