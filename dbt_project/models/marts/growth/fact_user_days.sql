{{
    config(
        materialized="incremental",
        incremental_strategy="replace_changed",
        on_schema_change="fail",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "person_id",
                "key_type": "varchar",
                "changed": [{"producer": "fact_sessions", "kind": "person"}],
            }
        },
    )
}}

with
    sessions as (
        select s.tenant, s.person_id, s.channel, s.session_date, s.ended_date
        from {{ ref("fact_sessions") }} as s
        {% if is_incremental() %}
            inner join
                fact_user_days__changed as c on c.tenant = s.tenant and c.person_id = s.person_id
        {% endif %}
    ),

    -- A gap in a session is at most 30 minutes, so a session has an event on every date from its first to its last.
    same_day as (
        select tenant, person_id, session_date as active_date, channel
        from sessions
        where session_date = ended_date
    ),

    over_midnight as (
        select s.tenant, s.person_id, dates.date_day as active_date, s.channel
        from sessions as s
        {{ lateral_dates("s.session_date", "s.ended_date") }}
        where s.session_date < s.ended_date
    ),

    days as (
        select * from same_day
        union all
        select * from over_midnight
    )

select tenant, person_id, active_date, channel, cast(count(*) as bigint) as session_count
from days
group by tenant, person_id, active_date, channel
