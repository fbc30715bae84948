{{ config(materialized=view_or_table()) }}

with
    listings as (select * from {{ ref("dim_listings") }}),

    published as (
        select e.*, coalesce(e.supplier_id, 'unknown') as supplier
        from {{ ref("int_events__business") }} as e
        where e.event = 'availability_published'
    ),

    -- What is published again replaces what was: the newest of a date counts.
    ranked as (
        select
            p.*,
            row_number() over (
                partition by p.tenant, p.listing_id, p.supplier, p.available_date
                order by p.event_at desc, p.message_id desc
            ) as recency
        from published as p
    )

select
    r.tenant,
    r.message_id as availability_id,
    r.listing_id,
    r.supplier,
    -- A date of which nothing is left is no supply; where no amount is told, being published is.
    case when coalesce(r.hours, 1) > 0 and coalesce(r.quantity, 1) > 0 then r.supplier_id end as offering_supplier_id,
    case when coalesce(r.hours, 1) > 0 and coalesce(r.quantity, 1) > 0 then r.listing_id end as offered_listing_id,
    {{ market_of("l.city", "l.category") }} as market,
    r.available_date,
    r.hours as hours_available,
    r.quantity as units_available,
    r.event_at as published_at
from ranked as r
left join listings as l on l.tenant = r.tenant and l.listing_id = r.listing_id
where r.recency = 1
