with
    sightings as (
        select e.tenant, e.listing_id, e.event, e.category, e.city, e.event_at, e.message_id
        from {{ ref("fact_events") }} as e
        where e.listing_id is not null
    ),

    -- The latest event that names a category and a city describes the listing.
    described as (
        select
            s.tenant,
            s.listing_id,
            s.category,
            s.city,
            row_number() over (
                partition by s.tenant, s.listing_id order by s.event_at desc, s.message_id desc
            ) as recency
        from sightings as s
        where s.category is not null or s.city is not null
    ),

    counted as (
        select
            tenant,
            listing_id,
            min(event_at) as first_seen_at,
            max(event_at) as last_seen_at,
            sum(case when event = 'listing_viewed' then 1 else 0 end) as view_count
        from sightings
        group by tenant, listing_id
    )

select
    c.tenant,
    c.listing_id,
    d.category,
    d.city,
    c.first_seen_at,
    c.last_seen_at,
    cast(c.view_count as bigint) as view_count
from counted as c
left join described as d on d.tenant = c.tenant and d.listing_id = c.listing_id and d.recency = 1
