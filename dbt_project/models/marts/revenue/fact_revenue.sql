with
    movements as (select * from {{ ref("int_bookings__in_sessions") }}),

    listings as (select * from {{ ref("dim_listings") }}),

    selling_users as (select distinct tenant, user_id from {{ ref("dim_suppliers") }} where user_id is not null),

    local_days as ({{ local_days() }}),

    -- A booking may name its supplier. Where nobody says whose a listing is, it stands for its supplier itself.
    described as (
        select
            m.*,
            u.user_id is not null as is_by_supplier,
            coalesce(m.supplier_id, l.supplier_id, m.listing_id) as supplier,
            coalesce(l.category, 'unknown') as category,
            coalesce(l.city, 'unknown') as city,
            coalesce(l.route, 'none') as route,
            {{ market_of("l.city", "l.category") }} as market,
            {{ hour_of_day(local_hour("m.moved_at", "d")) }} as hour_of_day
        from movements as m
        left join listings as l on l.tenant = m.tenant and l.listing_id = m.listing_id
        left join selling_users as u on u.tenant = m.tenant and u.user_id = m.person_id
        left join local_days as d on d.tenant = m.tenant and d.utc_date = cast(m.moved_at as date)
    ),

    -- A window over all bookings of each would sort them twice.
    buyers as (
        select
            tenant,
            person_id,
            min(movement_date) as buyer_since,
            {{ first_by("booking_id", ["moved_at", "booking_id"]) }} as first_booking_id
        from described
        where is_booking and person_id is not null
        group by tenant, person_id
    ),

    sellers as (
        select tenant, supplier, min(movement_date) as supplier_since
        from described
        where is_booking and supplier is not null
        group by tenant, supplier
    )

select
    p.tenant,
    p.booking_id,
    p.movement,
    p.movement_date as revenue_date,
    p.moved_at as revenue_at,
    p.hour_of_day,
    p.is_first,
    p.is_booking,
    -- Whether the same person had booked before; of nobody that can be said.
    p.is_booking and coalesce(p.booking_id <> b.first_booking_id, false) as is_repeat,
    p.is_booking and p.is_by_supplier as is_cross_side,
    p.person_id,
    p.session_id,
    p.channel,
    p.listing_id,
    p.category,
    p.city,
    p.route,
    p.market,
    p.supplier,
    p.inquiry_id,
    coalesce(p.provider, 'unknown') as provider,
    {{ month_of("b.buyer_since", "p.person_id") }} as buyer_cohort,
    {{ month_of("e.supplier_since", "p.supplier") }} as supplier_cohort,
    p.currency,
    p.seconds_in_session,
    p.line_count,
    cast(case when p.movement = 'booked' then p.amount else 0 end as decimal(18, 4)) as booked_amount,
    cast(case when p.movement = 'booked' then p.amount else - p.amount end as decimal(18, 4)) as gmv_amount,
    cast(
        case when p.movement = 'booked' then p.commission else - p.commission end as decimal(18, 4)
    ) as commission_amount
from described as p
left join buyers as b on b.tenant = p.tenant and b.person_id = p.person_id
left join sellers as e on e.tenant = p.tenant and e.supplier = p.supplier
