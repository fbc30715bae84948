{{
    config(
        materialized="incremental",
        incremental_strategy="replace_changed",
        on_schema_change="fail",
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
        select e.tenant, e.source, e.message_id, e.received_at, e.file_id, e.ingest_row
        from {{ ref("stg_events") }} as e
        {% if is_incremental() %}
            where e.file_id in (select c.file_id from int_events__landings__changed as c)
        {% endif %}
    ),

    winners as (
        select tenant, message_id, file_id, ingest_row
        from {{ ref("int_events__keys") }}
        {% if is_incremental() %}
            where file_id in (select c.file_id from int_events__landings__changed as c)
        {% endif %}
    ),

    -- A copy is a duplicate when another row of the lake is the one that counts.
    judged as (
        select l.tenant, l.source, l.file_id, cast(l.received_at as date) as received_date, w.message_id as winner
        from landed as l
        left join
            winners as w
            on w.tenant = l.tenant
            and w.message_id = l.message_id
            and w.file_id = l.file_id
            and w.ingest_row = l.ingest_row
    )

select
    tenant,
    file_id,
    source,
    received_date,
    cast(count(*) as bigint) as landed_count,
    cast(count(*) - count(winner) as bigint) as duplicate_count
from judged
group by tenant, file_id, source, received_date
