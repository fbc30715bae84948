{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "file_id",
                "key_type": "uuid",
                "lake": true,
                "changed": [{"pending": true}, {"producer": "int_events__keys", "kind": "file"}],
            }
        },
    )
}}

with
    landed as (
        select e.tenant, e.file_id, e.source, cast(e.received_at as date) as received_date, count(*) as landed_count
        from {{ ref("stg_events") }} as e
        {% if is_incremental() %}
            where e.file_id in (select c.file_id from int_events__landings__changed as c)
        {% endif %}
        group by e.tenant, e.file_id, e.source, cast(e.received_at as date)
    ),

    -- A landing has one source, so its winners belong to that source's rows of their day.
    winners as (
        select k.tenant, k.file_id, cast(k.received_at as date) as received_date, count(*) as winner_count
        from {{ ref("int_events__keys") }} as k
        {% if is_incremental() %}
            where k.file_id in (select c.file_id from int_events__landings__changed as c)
        {% endif %}
        group by k.tenant, k.file_id, cast(k.received_at as date)
    )

-- A copy is a duplicate when another row of the lake is the one that counts.
select
    l.tenant,
    l.file_id,
    l.source,
    l.received_date,
    cast(l.landed_count as bigint) as landed_count,
    cast(l.landed_count - coalesce(w.winner_count, 0) as bigint) as duplicate_count
from landed as l
left join winners as w on w.tenant = l.tenant and w.file_id = l.file_id and w.received_date = l.received_date
