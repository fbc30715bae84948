{#-
    The accepted events of one name, each with the person behind it and the session it lies in: `tenant`, `message_id`,
    `person_id` (null where nobody is named), `session_id`, `channel` (`direct` outside of any session), `event_at`,
    `event_date`, `event_hour`, and `columns` of `fact_events`.
-#}
{% macro events_in_sessions(event, columns) %}
    select
        p.tenant,
        p.message_id,
        p.person_id,
        s.session_id,
        coalesce(s.channel, 'direct') as channel,
        p.event_at,
        p.event_date,
        p.event_hour
        {% for column in columns %}, p.{{ column }}{% endfor %}
    from
        (
            select e.*, coalesce(e.user_id, i.user_id, e.anonymous_id) as person_id
            from {{ ref("fact_events") }} as e
            left join
                {{ ref("int_identity__map") }} as i
                on i.tenant = e.tenant
                and i.anonymous_id = {{ unknown_visitor("e") }}
            where e.event = '{{ event }}'
        ) as p
    left join
        ({{ session_dates(["tenant", "person_id", "session_id", "channel", "started_at", "ended_at"]) }}) as s
        on s.tenant = p.tenant
        and s.person_id = p.person_id
        and s.active_date = p.event_date
        and p.event_at between s.started_at and s.ended_at
{% endmacro %}
