{#-
    The bookings of this model that were made, or moved, since their person has changed: by its events, by its sessions or
    by who it is. Looked up is the person that stands with a booking: where another one takes it over, the identity map
    tells of both.
-#}
{% macro bookings_of_changed_persons() %}
    {% set sql %}
        select distinct t.tenant, t.booking_id as entity
        from {{ this }} as t
        inner join
            (
                select p.tenant, p.person_id, p.since
                from {{ ref("int_identity__changed_persons") }} as p
                union all
                select g.tenant, g.entity as person_id, coalesce(g.since, timestamp '-infinity') as since
                from {{ source("ctl", "changed") }} as g
                where g.producer = 'fact_sessions' and g.kind = 'person'
            ) as c
            on c.tenant = t.tenant
            and c.person_id = t.person_id
            and t.moved_at >= c.since
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
