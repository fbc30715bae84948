{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "file_id",
                "key_type": "uuid",
                "lake": "events",
                "changed": [{"pending": true}, {"producer": "int_events__keys", "kind": "file"}],
            }
        },
    )
}}

with
    landed as (
        select e.tenant, e.file_id, e.source, cast(e.received_at as date) as received_date, count(*) as landed_count
        from {{ ref("stg_events") }} as e
        {% if is_incremental() %} where {{ among_changed("e.file_id") }} {% endif %}
        group by e.tenant, e.file_id, e.source, cast(e.received_at as date)
    ),

    -- A landing has one source, so its winners belong to that source's rows of their day.
    winners as (
        select k.tenant, k.file_id, cast(k.received_at as date) as received_date, count(*) as winner_count
        from {{ ref("int_events__keys") }} as k
        {% if is_incremental() %} where {{ among_changed("k.file_id") }} {% endif %}
        group by k.tenant, k.file_id, cast(k.received_at as date)
    ),

    accepted as (
        select
            tenant,
            file_id,
            source,
            received_date,
            count(*) as accepted_count,
            sum(case when is_late then 1 else 0 end) as late_count,
            sum(case when time_quality <> 'ok' then 1 else 0 end) as time_corrected_count,
            sum(case when received_at - event_at <= interval '1 minute' then 1 else 0 end) as within_minute_count,
            sum(case when received_at - event_at <= interval '1 hour' then 1 else 0 end) as within_hour_count,
            sum(case when received_at - event_at <= interval '1 day' then 1 else 0 end) as within_day_count
        from {{ ref("fact_events") }}
        {% if is_incremental() %} where {{ among_changed("file_id") }}{% endif %}
        group by tenant, file_id, source, received_date
    )

-- A copy is a duplicate when another row of the lake is the one that counts.
select
    l.tenant,
    l.file_id,
    l.source,
    l.received_date,
    cast(l.landed_count as bigint) as landed_count,
    cast(l.landed_count - coalesce(w.winner_count, 0) as bigint) as duplicate_count,
    cast(coalesce(a.accepted_count, 0) as bigint) as accepted_count,
    cast(coalesce(a.late_count, 0) as bigint) as late_count,
    cast(coalesce(a.time_corrected_count, 0) as bigint) as time_corrected_count,
    cast(coalesce(a.within_minute_count, 0) as bigint) as within_minute_count,
    cast(coalesce(a.within_hour_count, 0) as bigint) as within_hour_count,
    cast(coalesce(a.within_day_count, 0) as bigint) as within_day_count
from landed as l
left join winners as w on w.tenant = l.tenant and w.file_id = l.file_id and w.received_date = l.received_date
left join
    accepted as a
    on a.tenant = l.tenant
    and a.file_id = l.file_id
    and a.source = l.source
    and a.received_date = l.received_date
