{{
    config(
        materialized="incremental",
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
    days as (
        {{ session_dates(["tenant", "person_id", "channel"], "fact_user_days__changed" if is_incremental() else none) }}
    ),

    counted as (
        select tenant, person_id, active_date, channel, cast(count(*) as bigint) as session_count
        from days
        group by tenant, person_id, active_date, channel
    )

select
    c.*,
    cast(
        {{ month_of("min(c.active_date) over (partition by c.tenant, c.person_id)", "c.person_id") }} as varchar
    ) as user_cohort,
    lag(c.active_date) over (
        partition by c.tenant, c.person_id order by c.active_date, c.channel
    ) as previous_active_date,
    lag(c.active_date) over (
        partition by c.tenant, c.person_id, c.channel order by c.active_date
    ) as previous_channel_date
from counted as c
