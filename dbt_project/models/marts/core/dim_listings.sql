with
    days as (select * from {{ ref("int_events__listing_days") }}),

    business_events as (select * from {{ ref("int_events__business") }}),

    seen as (
        select
            tenant,
            listing_id,
            {{ last_by("category", ["category_at", "category_message_id"], "category is not null") }} as category,
            {{ last_by("city", ["city_at", "city_message_id"], "city is not null") }} as city,
            min(first_seen_at) as first_seen_at,
            max(last_seen_at) as last_seen_at,
            cast(sum(view_count) as bigint) as view_count
        from days
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
