with
    sessions as (select * from {{ ref("fact_sessions") }}),

    bookings as (
        select tenant, person_id, count(*) as booking_count, sum(net_amount) as net_amount
        from {{ ref("fact_bookings") }}
        where person_id is not null and booked_at is not null
        group by tenant, person_id
    ),

    profiles as (select * from {{ ref("dim_users_history") }} where is_current),

    persons as (
        select
            tenant,
            person_id,
            max(case when is_identified then 1 else 0 end) = 1 as is_identified,
            min(started_at) as first_seen_at,
            max(ended_at) as last_seen_at,
            min(session_date) as first_seen_date,
            {{ first_by("channel", ["started_at", "session_id"]) }} as first_channel,
            count(*) as session_count
        from sessions
        group by tenant, person_id
    )

select
    p.tenant,
    p.person_id,
    p.is_identified,
    p.first_seen_at,
    p.last_seen_at,
    p.first_seen_date,
    p.first_channel,
    cast(p.session_count as bigint) as session_count,
    cast(coalesce(b.booking_count, 0) as bigint) as booking_count,
    cast(coalesce(b.net_amount, 0) as decimal(18, 4)) as net_amount,
    u.country,
    u.city,
    u.role,
    u.plan
from persons as p
left join bookings as b on b.tenant = p.tenant and b.person_id = p.person_id
left join profiles as u on u.tenant = p.tenant and u.user_id = p.person_id
