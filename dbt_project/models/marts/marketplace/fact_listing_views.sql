with
    views as (
        select e.tenant, e.message_id, e.user_id, e.anonymous_id, e.event_at, e.event_date, e.listing_id
        from {{ ref("fact_events") }} as e
        where e.event = 'listing_viewed'
    ),

    identities as (select * from {{ ref("int_identity__map") }}),

    sessions as ({{ session_dates(["tenant", "person_id", "session_id", "channel", "started_at", "ended_at"]) }}),

    persons as (
        select v.*, coalesce(v.user_id, i.user_id, v.anonymous_id) as person_id
        from views as v
        left join identities as i on i.tenant = v.tenant and i.anonymous_id = {{ unknown_visitor("v") }}
    )

select
    p.tenant,
    p.message_id as view_id,
    p.person_id,
    s.session_id,
    coalesce(s.channel, 'direct') as channel,
    p.event_at as viewed_at,
    p.event_date as view_date,
    p.listing_id
from persons as p
left join
    sessions as s
    on s.tenant = p.tenant
    and s.person_id = p.person_id
    and s.active_date = p.event_date
    and p.event_at between s.started_at and s.ended_at
