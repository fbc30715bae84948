{#-
    A query over fact_events with `person_id`: all events that have a person, or only those of `changed` persons since
    each has changed; those of them alone for which `wanted` holds, a condition on `e`.

    An incremental run does not compute the person of every event: one branch finds the users, one the anonymous
    events through the map. On a full refresh one join is cheaper.
-#}
{% macro events_of_persons(columns, changed, wanted="true") %}
    {% set listed = [] %}
    {% for column in columns %} {% do listed.append("e." ~ column) %} {% endfor %}
    {% set listed = listed | join(", ") %}
    {% if changed %}
        {% for span in spans_of_changes("e.event_at", "e.user_id") %}
            select {{ listed }}, e.user_id as person_id, true as is_identified
            from {{ ref("fact_events") }} as e
            inner join {{ changed }} as c on c.tenant = e.tenant and c.person_id = e.user_id and e.event_at >= c.since
            where {{ span }} and {{ of_few(wanted, "c") }}
            union all
        {% endfor %}
        {% for span in spans_of_changes("e.event_at", "e.anonymous_id", "visitors") %}
            {% if not loop.first %}
                union all
            {% endif %}
            select {{ listed }}, a.person_id, a.is_identified
            from {{ ref("fact_events") }} as e
            inner join
                (
                    select m.tenant, m.anonymous_id, m.user_id as person_id, true as is_identified, c.since
                    from {{ ref("int_identity__map") }} as m
                    inner join {{ changed }} as c on c.tenant = m.tenant and c.person_id = m.user_id
                    union all
                    select c.tenant, c.person_id as anonymous_id, c.person_id, false as is_identified, c.since
                    from {{ changed }} as c
                    where
                        not exists (
                            select 1
                            from {{ ref("int_identity__map") }} as m
                            where m.tenant = c.tenant and m.anonymous_id = c.person_id
                        )
                ) as a
                on a.tenant = e.tenant
                and a.anonymous_id = e.anonymous_id
                and e.event_at >= a.since
            where e.user_id is null and {{ span }} and {{ of_few(wanted, "a") }}
        {% endfor %}
    {% else %}
        select
            {{ listed }},
            coalesce(e.user_id, m.user_id, e.anonymous_id) as person_id,
            coalesce(e.user_id, m.user_id) is not null as is_identified
        from {{ ref("fact_events") }} as e
        left join
            {{ ref("int_identity__map") }} as m on m.tenant = e.tenant and m.anonymous_id = {{ unknown_visitor("e") }}
        where (e.user_id is not null or e.anonymous_id is not null) and {{ wanted }}
    {% endif %}
{% endmacro %}

{#-
    The anonymous id to look up in the identity map: null where the event itself names a user.

    As part of the key, not as a condition beside it: `e.user_id is null and ...` keeps DuckDB from hashing the join.
-#}
{% macro unknown_visitor(event) %}
    {{ return("case when " ~ event ~ ".user_id is null then " ~ event ~ ".anonymous_id end") }}
{% endmacro %}
