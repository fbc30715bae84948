with searches as ({{ events_in_sessions("search_performed", ["category", "city", "results_count"]) }})

select
    tenant,
    message_id as search_id,
    person_id,
    session_id,
    channel,
    event_at as searched_at,
    event_date as search_date,
    {{ hour_of_day("event_hour") }} as hour_of_day,
    category,
    city,
    results_count
from searches
