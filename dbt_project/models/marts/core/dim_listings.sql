with
    sightings as (
        select e.tenant, e.listing_id, e.event, e.category, e.city, e.event_at, e.message_id
        from {{ ref("fact_events") }} as e
        where e.listing_id is not null
    )

-- The latest event that names a category, and the latest that names a city, describe the listing.
select
    tenant,
    listing_id,
    {{ last_by("category", ["event_at", "message_id"], "category is not null") }} as category,
    {{ last_by("city", ["event_at", "message_id"], "city is not null") }} as city,
    min(event_at) as first_seen_at,
    max(event_at) as last_seen_at,
    cast(sum(case when event = 'listing_viewed' then 1 else 0 end) as bigint) as view_count
from sightings
group by tenant, listing_id
