with
    revenue as (select * from {{ ref("fact_revenue") }}),

    visited as (select * from {{ ref("int_events__in_sessions") }} where session_id is not null),

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
    ),

    -- What its visitor had done in the session before, each once and in the order of the first time.
    steps as (
        select
            b.tenant,
            b.booking_id,
            case when v.event = 'funnel_step_reached' then v.step else v.event end as step,
            min(v.event_at) as reached_at
        from bookings as b
        inner join visited as v on v.tenant = b.tenant and v.session_id = b.session_id and v.event_at <= b.booked_at
        group by 1, 2, 3
    ),

    listed as (
        select tenant, booking_id, {{ listed_by("step", ["reached_at", "step"]) }} as funnel_steps
        from steps
        group by tenant, booking_id
    )

select b.*, l.funnel_steps
from bookings as b
left join listed as l on l.tenant = b.tenant and l.booking_id = b.booking_id
