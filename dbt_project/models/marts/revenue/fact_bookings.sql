with
    revenue as (select * from {{ ref("fact_revenue") }}),

    steps as (
        select tenant, booking_id, funnel_steps
        from {{ ref("int_bookings__in_sessions") }}
        where funnel_steps is not null
    ),

    -- A booking that is known only by its cancellation takes its person and listing from there.
    ranked as (
        select
            r.*,
            row_number() over (
                partition by r.tenant, r.booking_id order by r.movement, r.revenue_at, r.revenue_date
            ) as movement_rank
        from revenue as r
    ),

    bookings as (
        select
            tenant,
            booking_id,
            case
                when max(case when movement = 'cancelled' then 1 else 0 end) = 1 then 'cancelled' else 'confirmed'
            end as status,
            max(case when movement = 'cancelled' then 1 else 0 end) = 1 as is_cancelled,
            min(case when movement = 'booked' then revenue_at end) as booked_at,
            min(case when movement = 'booked' then revenue_date end) as booking_date,
            min(case when movement = 'cancelled' then revenue_at end) as cancelled_at,
            max(case when movement_rank = 1 then person_id end) as person_id,
            cast(max(case when movement_rank = 1 then cast(session_id as varchar) end) as uuid) as session_id,
            max(case when movement_rank = 1 then channel end) as channel,
            max(case when movement_rank = 1 then listing_id end) as listing_id,
            max(provider) as provider,
            cast(
                max(case when movement_rank = 1 and movement = 'booked' then seconds_in_session end)
                / 60.0 as decimal(18, 4)
            ) as conversion_minutes,
            max(case when movement_rank = 1 then currency end) as currency,
            cast(sum(line_count) as bigint) as line_count,
            cast(sum(booked_amount) as decimal(18, 4)) as gross_amount,
            cast(sum(booked_amount - gmv_amount) as decimal(18, 4)) as cancelled_amount,
            cast(sum(gmv_amount) as decimal(18, 4)) as net_amount,
            cast(sum(commission_amount) as decimal(18, 4)) as commission_amount
        from ranked
        group by tenant, booking_id
    )

select b.*, s.funnel_steps
from bookings as b
left join steps as s on s.tenant = b.tenant and s.booking_id = b.booking_id
