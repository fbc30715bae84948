{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "event_date",
                "key_type": "date",
                "changed": [{"producer": "fact_events", "kind": "date"}],
            }
        },
    )
}}

with
    events as (
        select e.*
        from {{ ref("fact_events") }} as e
        {% if is_incremental() %}
            inner join mv_daily_events__changed as c on c.tenant = e.tenant and c.event_date = e.event_date
            where {{ among_changed("e.event_date") }}
        {% endif %}
    )

select tenant, source, event, event_date, cast(count(*) as bigint) as accepted
from events
group by tenant, source, event, event_date
