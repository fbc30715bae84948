{#-
    For a row `d` of the identity map: the time of the first event that changes hands with it; infinity where none does.
    Events that are gone are among the changed keys.
-#}
{% macro first_event_of_visitor() %}
    {% set sql %}
        (
            select coalesce(min(v.since), timestamp 'infinity')
            from (
                select e.tenant, e.anonymous_id, e.event_at as since
                from {{ ref("fact_events") }} as e
                where e.user_id is null{{ among_few("e.anonymous_id") }}
                union all
                select g.tenant, g.entity, coalesce(g.since, timestamp '-infinity')
                from {{ source("ctl", "changed") }} as g
                where g.producer = 'fact_events' and g.kind = 'anonymous'
            ) as v
            where v.tenant = d.tenant and v.anonymous_id = d.anonymous_id
        )
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
