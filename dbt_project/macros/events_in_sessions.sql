{#-
    The accepted events of one name, each with the person behind it and the session it lies in: `tenant`, `message_id`,
    `person_id` (null where nobody is named), `session_id`, `channel` (`direct` outside of any session), `event_at`,
    `event_date`, `event_hour`, and `columns` of `fact_events`. Of `changed` persons alone, and since each has changed,
    where they are named; a person '' stands for nobody.
-#}
{% macro events_in_sessions(event, columns, changed=none) %}
    {% set columns = ["tenant", "message_id", "event_at", "event_date", "event_hour"] + columns %}
    {% set visits = ["tenant", "person_id", "session_id", "channel", "started_at", "ended_at"] %}
    select
        p.person_id,
        s.session_id,
        coalesce(s.channel, 'direct') as channel
        {% for column in columns %}, p.{{ column }}{% endfor %}
    from
        (
            {{ events_of_persons(columns, changed, "e.event = '" ~ event ~ "'") }}
            union all
            select e.{{ columns | join(", e.") }}, cast(null as varchar) as person_id, false as is_identified
            from {{ ref("fact_events") }} as e
            {% if changed %}
                inner join {{ changed }} as c on c.tenant = e.tenant and c.person_id = '' and e.event_at >= c.since
            {% endif %}
            where e.user_id is null and e.anonymous_id is null and e.event = '{{ event }}'
        ) as p
    left join
        ({{ session_dates(visits, changed) }}) as s
        on s.tenant = p.tenant
        and s.person_id = p.person_id
        and s.active_date = p.event_date
        and p.event_at between s.started_at and s.ended_at
{% endmacro %}

{#-
    The `meta.incremental` of a model of such events, whose time is `column`: replaced by person, since the person's
    events or sessions have changed.
-#}
{% macro replaced_with_sessions(column) %}
    {{
        return(
            {
                "key": "person_id",
                "key_type": "varchar",
                "null_key": "",
                "changed": [
                    {"relation": "int_identity__changed_persons"},
                    {"producer": "fact_sessions", "kind": "person"},
                    {"producer": "fact_events", "kind": "nobody"},
                ],
                "since": {"column": column},
            }
        )
    }}
{% endmacro %}
