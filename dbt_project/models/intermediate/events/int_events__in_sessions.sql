-- depends_on: {{ ref('int_identity__changed_persons') }}
{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "person_id",
                "key_type": "varchar",
                "null_key": "",
                "changed": [
                    {"relation": "int_identity__changed_persons"},
                    {"producer": "fact_sessions", "kind": "person"},
                    {"producer": "fact_events", "kind": "nobody"},
                ],
                "since": {"column": "event_at", "of_events": true},
            }
        },
    )
}}

{% set steps = "('search_performed', 'listing_viewed', 'funnel_step_reached', 'signup_completed')" %}
{% set own = ["tenant", "message_id", "event", "user_id", "anonymous_id", "event_at", "event_date", "event_hour"] %}
{% set found = ["results_count", "lowest_price", "average_price", "highest_price", "duration_ms"] %}
{% set wanted = ["category", "city", "origin", "destination", "depart_date", "return_date"] %}
{% set asked = ["adults", "children", "cabin_class", "filters", "is_refinement", "search_ref"] %}
{% set columns = own + ["listing_id", "funnel", "step"] + wanted + asked + found %}
{% set visits = ["tenant", "person_id", "session_id", "channel", "started_at", "ended_at"] %}
{% set changed = "int_events__in_sessions__changed" if is_incremental() else none %}

with
    sessions as ({{ session_dates(visits, changed) }}),

    of_persons as ({{ events_of_persons(columns, changed, "e.event in " ~ steps) }}),

    of_nobody as (
        {% for span in spans_of_changes("e.event_at", "''") if changed %}
            {% if not loop.first %}
                union all
            {% endif %}
            select e.{{ columns | join(", e.") }}
            from {{ ref("fact_events") }} as e
            inner join {{ changed }} as c on c.tenant = e.tenant and c.person_id = '' and e.event_at >= c.since
            where {{ span }} and e.user_id is null and e.anonymous_id is null and e.event in {{ steps }}
        {% else %}
            select e.{{ columns | join(", e.") }}
            from {{ ref("fact_events") }} as e
            where e.user_id is null and e.anonymous_id is null and e.event in {{ steps }}
        {% endfor %}
    ),

    events as (
        select {{ columns | join(", ") }}, person_id
        from of_persons
        union all
        select {{ columns | join(", ") }}, cast(null as varchar) as person_id
        from of_nobody
    )

select
    e.{{ columns | join(", e.") }}, e.person_id, s.session_id, cast(coalesce(s.channel, 'direct') as varchar) as channel
from events as e
left join
    sessions as s
    on s.tenant = e.tenant
    and s.person_id = e.person_id
    and s.active_date = e.event_date
    and e.event_at between s.started_at and s.ended_at
