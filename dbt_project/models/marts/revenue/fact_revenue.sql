with
    movements as (select * from {{ ref("int_bookings__movements") }}),

    identities as (select * from {{ ref("int_identity__map") }}),

    sessions as ({{ session_dates(["tenant", "person_id", "session_id", "channel", "started_at", "ended_at"]) }}),

    persons as (
        select m.*, coalesce(m.user_id, i.user_id, m.anonymous_id) as person_id
        from movements as m
        left join identities as i on i.tenant = m.tenant and i.anonymous_id = {{ unknown_visitor("m") }}
    )

select
    p.tenant,
    p.booking_id,
    p.movement,
    p.movement_date as revenue_date,
    p.moved_at as revenue_at,
    p.is_first,
    p.movement = 'booked' and p.is_first as is_booking,
    -- Whether the same person had booked before; of nobody that can be said.
    p.movement = 'booked'
    and p.is_first
    and p.person_id is not null
    and coalesce(sum(case when p.movement = 'booked' and p.is_first then 1 else 0 end) over earlier, 0)
    > 0 as is_repeat,
    p.person_id,
    s.session_id,
    coalesce(s.channel, 'direct') as channel,
    p.listing_id,
    p.currency,
    p.line_count,
    cast(case when p.movement = 'booked' then p.amount else 0 end as decimal(18, 4)) as booked_amount,
    cast(case when p.movement = 'booked' then p.amount else - p.amount end as decimal(18, 4)) as gmv_amount,
    cast(
        case when p.movement = 'booked' then p.commission else - p.commission end as decimal(18, 4)
    ) as commission_amount
from persons as p
left join
    sessions as s
    on s.tenant = p.tenant
    and s.person_id = p.person_id
    and s.active_date = p.movement_date
    and p.moved_at between s.started_at and s.ended_at
window
    earlier as (
        partition by p.tenant, p.person_id
        order by p.moved_at, p.booking_id
        rows between unbounded preceding and 1 preceding
    )
