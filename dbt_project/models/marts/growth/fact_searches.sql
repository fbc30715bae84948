with
    searches as (
        select
            e.tenant,
            e.message_id,
            e.user_id,
            e.anonymous_id,
            e.event_at,
            e.event_date,
            e.category,
            e.city,
            e.results_count
        from {{ ref("fact_events") }} as e
        where e.event = 'search_performed'
    ),

    identities as (select * from {{ ref("int_identity__map") }}),

    sessions as ({{ session_dates(["tenant", "person_id", "session_id", "channel", "started_at", "ended_at"]) }}),

    persons as (
        select s.*, coalesce(s.user_id, i.user_id, s.anonymous_id) as person_id
        from searches as s
        left join identities as i on i.tenant = s.tenant and i.anonymous_id = {{ unknown_visitor("s") }}
    )

select
    p.tenant,
    p.message_id as search_id,
    p.person_id,
    s.session_id,
    coalesce(s.channel, 'direct') as channel,
    p.event_at as searched_at,
    p.event_date as search_date,
    p.category,
    p.city,
    p.results_count
from persons as p
left join
    sessions as s
    on s.tenant = p.tenant
    and s.person_id = p.person_id
    and s.active_date = p.event_date
    and p.event_at between s.started_at and s.ended_at
