with views as ({{ events_in_sessions("listing_viewed", ["listing_id"]) }})

select
    tenant,
    message_id as view_id,
    person_id,
    session_id,
    channel,
    event_at as viewed_at,
    event_date as view_date,
    listing_id
from views
