with
    events as (select * from {{ ref("fact_events") }}),

    business_events as (select * from {{ ref("int_events__business") }}),

    -- The latest event that names a category, and the latest that names a city, describe the listing.
    seen as (
        select
            tenant,
            listing_id,
            {{ last_by("category", ["event_at", "message_id"], "category is not null") }} as category,
            {{ last_by("city", ["event_at", "message_id"], "city is not null") }} as city,
            min(event_at) as first_seen_at,
            max(event_at) as last_seen_at,
            cast(sum(case when event = 'listing_viewed' then 1 else 0 end) as bigint) as view_count
        from events
        where listing_id is not null
        group by tenant, listing_id
    ),

    -- Whose it is and between which places it goes, as it was published last.
    published as (
        select
            tenant,
            listing_id,
            {{ last_by("supplier_id", ["event_at", "message_id"], "supplier_id is not null") }} as supplier_id,
            {{ last_by("origin", ["event_at", "message_id"], "destination is not null") }} as origin,
            {{ last_by("destination", ["event_at", "message_id"], "destination is not null") }} as destination
        from business_events
        where event in ('listing_updated', 'availability_published') and listing_id is not null
        group by tenant, listing_id
    )

select
    s.tenant,
    s.listing_id,
    s.category,
    s.city,
    p.supplier_id,
    cast(p.origin || '-' || p.destination as varchar) as route,
    s.first_seen_at,
    s.last_seen_at,
    s.view_count
from seen as s
left join published as p on p.tenant = s.tenant and p.listing_id = s.listing_id
