-- depends_on: {{ ref('int_identity__changed_persons') }}
{% set returns_within = "28 days" %}  -- and books within 7 of them: what a first session says of later ones
{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "person_id",
                "key_type": "varchar",
                "changed": [{"relation": "int_identity__changed_persons"}],
                "since": {"column": "started_at", "whole_within": returns_within, "of_events": true},
                "propagates": [
                    {"kind": "person", "entity": "person_id", "since": "d.started_at"},
                    {"kind": "active", "entity": "person_id", "since": "cast(d.session_date as timestamp)"},
                ],
            }
        },
    )
}}

{% set brought = ["channel", "utm_source", "utm_medium", "utm_campaign", "page_referrer"] %}
{% set traits = brought + ["device_type", "browser", "country", "anonymous_id"] %}
{% set columns = ["tenant", "message_id", "type", "event", "event_at", "event_date", "event_hour"] + traits %}
{% set counts = ["event_count", "page_view_count", "listing_view_count", "search_count"] %}
{% set own = ["tenant", "session_id", "person_id", "is_identified", "started_at", "ended_at"] %}
{% set dates = ["session_date", "started_hour"] %}
{% set changed = "fact_sessions__changed" if is_incremental() else none %}
{% set moments = {"first_search_at": "min", "first_booking_at": "min", "last_booking_at": "max"} %}

with
    events as (
        select p.*
        from ({{ events_of_persons(columns, changed, "e.type in ('track', 'page', 'screen')") }}) as p
        -- What systems, staff and mail programs report carries a person, who was not there.
        where not exists (select 1 from {{ source("ctl", "outside_event") }} as o where o.event = p.event)
    ),

    -- Events of one person in one half hour belong to one session: it is found among half hours, a quarter of the rows.
    half_hours as (
        select
            tenant,
            person_id,
            {{ first_by("message_id", ["event_at", "message_id"]) }} as first_message_id,
            min(event_at) as started_at,
            max(event_at) as ended_at,
            min(event_date) as session_date,
            -- Clocks are turned on the half hour; over midnight the higher one was earlier.
            case when min(event_date) < max(event_date) then max(event_hour) else min(event_hour) end as started_hour,
            max(event_date) as ended_date,
            -- As the first event says that tells it; the campaign as the one says that tells the channel.
            {% for trait in traits %}
                {% set told = "channel" if trait in brought else trait %}
                {{ first_by(trait, ["event_at", "message_id"], told ~ " is not null") }} as {{ trait }},
            {% endfor %}
            bool_or(is_identified) as is_identified,
            count(*) as event_count,
            sum(case when type in ('page', 'screen') then 1 else 0 end) as page_view_count,
            sum(case when event = 'listing_viewed' then 1 else 0 end) as listing_view_count,
            sum(case when event = 'search_performed' then 1 else 0 end) as search_count,
            min(case when event = 'search_performed' then event_at end) as first_search_at,
            min(case when event = 'booking_confirmed' then event_at end) as first_booking_at,
            max(case when event = 'booking_confirmed' then event_at end) as last_booking_at
        from events
        group by tenant, person_id, floor(extract(epoch from event_at) / 1800)
    ),

    spaced as (
        select
            h.*,
            coalesce(h.started_at > lag(h.ended_at) over person + interval '30 minutes', true) as is_first,
            coalesce(lead(h.started_at) over person > h.ended_at + interval '30 minutes', true) as is_last
        from half_hours as h
        window person as (partition by h.tenant, h.person_id order by h.started_at)
    ),

    numbered as (  -- most sessions are one half hour: only the others are put together
        select
            s.*,
            sum(case when s.is_first then 1 else 0 end) over (
                partition by s.tenant, s.person_id
                order by s.started_at
                rows between unbounded preceding and current row
            ) as session_number
        from spaced as s
        where not (s.is_first and s.is_last)
    ),

    sessions as (
        select {{ (own + dates + traits + counts + moments | list + ["ended_date"]) | join(", ") }}
        from (select s.*, s.first_message_id as session_id from spaced as s where s.is_first and s.is_last) as s
        union all
        select
            tenant,
            {{ first_by("first_message_id", ["started_at"]) }} as session_id,
            person_id,
            bool_or(is_identified) as is_identified,
            min(started_at) as started_at,
            max(ended_at) as ended_at,
            min(session_date) as session_date,
            {{ first_by("started_hour", ["started_at"]) }} as started_hour,
            {% for trait in traits %}
                {% set told = "channel" if trait in brought else trait %}
                {{ first_by(trait, ["started_at"], told ~ " is not null") }} as {{ trait }},
            {% endfor %}
            {% for count in counts %} sum({{ count }}) as {{ count }}, {% endfor %}
            {% for moment, kept in moments.items() %} {{ kept }} ({{ moment }}) as {{ moment }}, {% endfor %}
            max(ended_date) as ended_date
        from numbered
        group by tenant, person_id, session_number
    ),

    of_person as (
        select
            s.*,
            s.started_at = min(s.started_at) over person
            {% if is_incremental() %} and c.is_whole {% endif %} as is_first_session,
            min(s.first_booking_at) over person as person_first_booking_at,
            min(s.started_at) over (
                partition by s.tenant, s.person_id
                order by s.session_date range between interval '1 day' following and unbounded following
            ) as later_day_at
        from sessions as s
        {% if is_incremental() %}
            inner join fact_sessions__changed as c on c.tenant = s.tenant and c.person_id = s.person_id
        {% endif %}
        window person as (partition by s.tenant, s.person_id)
    )

select
    {{ (own + ["session_date", "ended_date", "utm_source", "utm_medium"]) | join(", ") }},
    cast(floor(extract(epoch from (ended_at - started_at))) as bigint) as duration_seconds,
    {{ hour_of_day("started_hour") }} as hour_of_day,
    cast(coalesce(channel, 'direct') as varchar) as channel,
    cast(coalesce(utm_campaign, 'none') as varchar) as utm_campaign,
    page_referrer as referrer,
    anonymous_id as device_id,
    cast(coalesce(device_type, 'unknown') as varchar) as device_type,
    cast(coalesce(browser, 'unknown') as varchar) as browser,
    cast(coalesce(country, 'unknown') as varchar) as country,
    {% for count in counts %} cast({{ count }} as bigint) as {{ count }}, {% endfor %}
    search_count > 0 as has_search,
    last_booking_at is not null as has_booking,
    coalesce(last_booking_at >= first_search_at, false) as has_booking_after_search,
    is_first_session,
    is_first_session and coalesce(person_first_booking_at <= started_at + interval '7 days', false) as is_activated,
    is_first_session and coalesce(later_day_at <= started_at + interval '{{ returns_within }}', false) as is_returned
from of_person
