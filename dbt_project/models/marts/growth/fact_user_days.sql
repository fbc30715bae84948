{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "person_id",
                "key_type": "varchar",
                "changed": [{"producer": "fact_sessions", "kind": "active"}],
                "since": {"column": "active_date", "whole_within": "0 days"},
            }
        },
    )
}}
{% set changed = "fact_user_days__changed" if is_incremental() else none %}

with
    days as ({{ session_dates(["tenant", "person_id", "channel"], changed, since="ended_date") }}),

    counted as (
        select d.tenant, d.person_id, d.active_date, d.channel, cast(count(*) as bigint) as session_count
        from days as d
        {% if changed %}
            inner join
                {{ changed }} as c on c.tenant = d.tenant and c.person_id = d.person_id and d.active_date >= c.since
        {% endif %}
        group by d.tenant, d.person_id, d.active_date, d.channel
    ),

    -- What stands of the same persons and lies before the time that is made anew.
    standing_channels as (
        select
            t.tenant,
            t.person_id,
            t.channel,
            min(t.active_date) as first_active_date,
            max(t.active_date) as last_active_date
        {% if changed %}
            from {{ this }} as t
            inner join
                {{ changed }} as c on c.tenant = t.tenant and c.person_id = t.person_id and t.active_date < c.since
        {% else %} from counted as t where false
        {% endif %}
        group by t.tenant, t.person_id, t.channel
    ),

    standing_persons as (
        select tenant, person_id, min(first_active_date) as first_active_date, max(last_active_date) as last_active_date
        from standing_channels
        group by tenant, person_id
    )

select
    c.*,
    cast(
        {{
            month_of(
                "coalesce(p.first_active_date, min(c.active_date) over (partition by c.tenant, c.person_id))",
                "c.person_id",
            )
        }} as varchar
    ) as user_cohort,
    coalesce(
        lag(c.active_date) over (partition by c.tenant, c.person_id order by c.active_date, c.channel),
        p.last_active_date
    ) as previous_active_date,
    coalesce(
        lag(c.active_date) over (partition by c.tenant, c.person_id, c.channel order by c.active_date),
        s.last_active_date
    ) as previous_channel_date
from counted as c
left join standing_persons as p on p.tenant = c.tenant and p.person_id = c.person_id
left join standing_channels as s on s.tenant = c.tenant and s.person_id = c.person_id and s.channel = c.channel
