{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as search_id,
    e.search_ref,
    e.person_id,
    e.session_id,
    e.channel,
    e.event_at as searched_at,
    e.event_date as search_date,
    {{ hour_of_day("e.event_hour") }} as hour_of_day,
    e.category,
    e.city,
    {{ market_of("e.city", "e.category") }} as market,
    e.origin,
    e.destination,
    {{ route_of("e.origin", "e.destination") }} as route,
    e.depart_date,
    e.return_date,
    -- A seat that is looked for without another word is one in economy for one adult.
    case when e.destination is null then e.adults else coalesce(e.adults, 1) end as adults,
    case when e.destination is null then e.children else coalesce(e.children, 0) end as children,
    case when e.destination is null then e.cabin_class else coalesce(e.cabin_class, 'economy') end as cabin_class,
    e.filters,
    coalesce(e.is_refinement, false) as is_refinement,
    e.results_count,
    e.lowest_price,
    e.average_price,
    e.highest_price,
    e.duration_ms
from {{ ref("int_events__in_sessions") }} as e
where e.event = 'search_performed'
