{#-
    A query over fact_sessions: one row per session and local date that it touches (`active_date`), with `columns`.

    A gap in a session is at most 30 minutes, so a session has an event on every date from its first to its last.
    Looking a session up by person *and date* keeps the work per event the same however long a person's history is.
    `changed` restricts it to those persons; `since` names the end that must lie in the time since when each has changed.
-#}
{% macro session_dates(columns, changed=none, since="ended_at") %}
    {% set listed = [] %}
    {% for column in columns %} {% do listed.append("s." ~ column) %} {% endfor %}
    {% set listed = listed | join(", ") %}
    {% set only_changed %}
        {% if changed %}inner join {{ changed }} as c on c.tenant = s.tenant and c.person_id = s.person_id{% endif %}
        {% if changed %}and s.{{ since }} >= c.since{% endif %}
    {% endset %}
    select {{ listed }}, s.session_date as active_date
    from {{ ref("fact_sessions") }} as s {{ only_changed }}
    union all
    select {{ listed }}, dates.date_day as active_date
    from
        {{ ref("fact_sessions") }} as s
        {{ only_changed }}
        {{ lateral_dates("s.session_date + interval '1 day'", "s.ended_date") }}
    where s.session_date < s.ended_date
{% endmacro %}
