{{ config(materialized=view_or_table()) }}

with
    events as (select * from {{ ref("int_events__business") }} where event in ('inquiry_sent', 'inquiry_answered')),

    followed as (
        select
            e.*,
            min(case when event = 'inquiry_sent' then event_at end) over (partition by tenant, subject_id) as sent_at
        from events as e
    )

select
    tenant,
    message_id as inquiry_event_id,
    user_id,
    subject_id as inquiry_id,
    event = 'inquiry_answered' as is_answer,
    status,
    listing_id,
    event_at as happened_at,
    event_date as inquiry_date,
    case when event = 'inquiry_answered' then {{ hours_between("sent_at", "event_at") }} end as hours_since_sent
from followed
