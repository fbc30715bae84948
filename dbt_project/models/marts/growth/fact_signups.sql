with signups as ({{ events_in_sessions("signup_completed", ["user_id"]) }})

select
    tenant,
    message_id as signup_id,
    person_id,
    user_id,
    session_id,
    channel,
    event_at as signed_up_at,
    event_date as signup_date
from signups
