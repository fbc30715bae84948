with
    changed as (select * from {{ source("ctl", "changed") }}),

    identities as (select * from {{ ref("int_identity__map") }}),

    from_map as (
        select tenant, entity as person_id from changed where producer = 'int_identity__map' and kind = 'person'
    ),

    from_users as (select tenant, entity as person_id from changed where producer = 'fact_events' and kind = 'user'),

    -- Who an anonymous event belongs to is decided by the map as it is now; who it belonged to before is propagated
    -- by the map itself.
    from_anonymous as (
        select c.tenant, coalesce(m.user_id, c.entity) as person_id
        from changed as c
        left join identities as m on m.tenant = c.tenant and m.anonymous_id = c.entity
        where c.producer = 'fact_events' and c.kind = 'anonymous'
    )

select tenant, person_id
from from_map
union
select tenant, person_id
from from_users
union
select tenant, person_id
from from_anonymous
