{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as price_quote_id,
    e.listing_id,
    {{ route_of("e.origin", "e.destination") }} as route,
    coalesce(e.provider, 'unknown') as provider,
    e.price,
    e.depart_date,
    e.event_at as quoted_at,
    e.event_date as quote_date
from {{ ref("int_events__choices") }} as e
where e.event = 'price_quoted'
