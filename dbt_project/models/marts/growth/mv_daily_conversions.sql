with sessions as (select * from {{ ref("fact_sessions") }})

select
    tenant,
    session_date,
    channel,
    cast(count(*) as bigint) as session_count,
    cast(sum(case when has_search then 1 else 0 end) as bigint) as search_session_count,
    cast(sum(case when listing_view_count > 0 then 1 else 0 end) as bigint) as listing_view_session_count,
    cast(sum(case when has_booking then 1 else 0 end) as bigint) as booking_session_count,
    cast(sum(case when has_booking_after_search then 1 else 0 end) as bigint) as search_booking_session_count
from sessions
group by tenant, session_date, channel
