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
    )

select tenant, person_id, active_date, channel, cast(count(*) as bigint) as session_count
from days
group by tenant, person_id, active_date, channel
