with
    signups as (select * from {{ ref("int_events__in_sessions") }} where event = 'signup_completed'),

    -- A user has one account, however often its creation is told; of who is not known nothing is told again.
    followed as (select s.*, {{ telling("user_id", state=none) }} as telling from signups as s),

    profiles as (select * from {{ ref("int_events__business") }}),

    revenue as (select * from {{ ref("fact_revenue") }}),

    converted as (
        select distinct s.tenant, s.message_id
        from signups as s
        inner join
            revenue as r
            on r.tenant = s.tenant
            and r.person_id = s.person_id
            and r.is_booking
            and r.revenue_at between s.event_at and s.event_at + interval '7 days'
    ),

    -- A pledge that names nobody is nobody's; a user's person goes by the id of the user.
    pledges as (select * from {{ ref("fact_pledges") }} where is_first_told),

    pledged as (
        select distinct s.tenant, s.message_id
        from signups as s
        inner join
            pledges as p
            on p.tenant = s.tenant
            and p.user_id = s.person_id
            and p.pledged_at between s.event_at and s.event_at + interval '7 days'
    )

select
    s.tenant,
    s.message_id as signup_id,
    s.person_id,
    s.user_id,
    s.telling = 1 as is_first_told,
    s.session_id,
    s.channel,
    coalesce(p.role, 'unknown') as role,
    c.message_id is not null as is_converted,
    b.message_id is not null as has_pledged,
    s.event_at as signed_up_at,
    s.event_date as signup_date
from followed as s
left join profiles as p on p.tenant = s.tenant and p.message_id = s.message_id
left join converted as c on c.tenant = s.tenant and c.message_id = s.message_id
left join pledged as b on b.tenant = s.tenant and b.message_id = s.message_id
