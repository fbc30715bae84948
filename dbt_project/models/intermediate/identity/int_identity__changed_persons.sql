with
    changed as (select * from {{ source("ctl", "changed") }}),

    identities as (select * from {{ ref("int_identity__map") }}),

    from_map as (
        select tenant, entity as person_id, since from changed where producer = 'int_identity__map' and kind = 'person'
    ),

    from_users as (
        select tenant, entity as person_id, since from changed where producer = 'fact_events' and kind = 'user'
    ),

    -- Who an anonymous event belongs to is decided by the map as it is now; who it belonged to before is propagated
    -- by the map itself.
    from_anonymous as (
        select c.tenant, coalesce(m.user_id, c.entity) as person_id, c.since
        from changed as c
        left join identities as m on m.tenant = c.tenant and m.anonymous_id = c.entity
        where c.producer = 'fact_events' and c.kind = 'anonymous'
    ),

    every_cause as (
        select tenant, person_id, since
        from from_map
        union all
        select tenant, person_id, since
        from from_users
        union all
        select tenant, person_id, since
        from from_anonymous
    )

select tenant, person_id, min(coalesce(since, timestamp '-infinity')) as since
from every_cause
group by tenant, person_id
