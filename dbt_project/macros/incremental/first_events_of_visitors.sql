{#-
    For the changed rows of the identity map: the time of the first event that changes hands with each, in a column
    `since`. No row for a visitor without such events: nothing changes of its persons. Events that are gone are among
    the changed keys.
-#}
{% macro first_events_of_visitors() %}
    {% set sql %}
        select v.tenant, v.anonymous_id, min(v.since) as since
        from (
            select e.tenant, e.anonymous_id, e.event_at as since
            from {{ ref("fact_events") }} as e
            where e.user_id is null{{ among_few("e.anonymous_id") }}
            union all
            select g.tenant, g.entity, coalesce(g.since, timestamp '-infinity')
            from {{ source("ctl", "changed") }} as g
            where g.producer = 'fact_events' and g.kind = 'anonymous'
        ) as v
        inner join {{ model.name }}__differs as d on d.tenant = v.tenant and d.anonymous_id = v.anonymous_id
        group by v.tenant, v.anonymous_id
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
