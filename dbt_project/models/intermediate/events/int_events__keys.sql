{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "message_id",
                "key_type": "uuid",
                "lake": "events",
                "prepare": "prepare_event_keys",
                "propagates": [{"kind": "file", "entity": "file_id"}],
            }
        },
    )
}}

with
    candidates as (
        {% if is_incremental() %}
            select tenant, message_id, received_at, file_id, ingest_row
            from int_events__keys__arrived
            union all
            -- standing winners that lie in landings already built
            select k.tenant, k.message_id, k.received_at, k.file_id, k.ingest_row
            from int_events__keys__old as k
            where k.file_id not in (select p.file_id from int_events__keys__pending as p)
            union all
            -- other copies of ids whose winner was erased
            select e.tenant, e.message_id, e.received_at, e.file_id, e.ingest_row
            from {{ ref("stg_events") }} as e
            inner join int_events__keys__lost as l on l.tenant = e.tenant and l.message_id = e.message_id
            where
                e.file_id in (
                    select f.file_id
                    from {{ source("ctl", "file") }} as f
                    where f.version is not distinct from f.built_version
                )
        {% else %}select tenant, message_id, received_at, file_id, ingest_row from {{ ref("stg_events") }}
        {% endif %}
    ),

    -- Ranking only the few ids that came more than once is cheaper than ranking all. An id that two tenants use is
    -- looked at twice and ranked within each.
    repeated as (select message_id from candidates group by message_id having count(*) > 1),

    single as (
        select c.* from candidates as c where not exists (select 1 from repeated as r where r.message_id = c.message_id)
    ),

    ranked as (
        select
            c.*,
            row_number() over (
                partition by c.tenant, c.message_id order by c.received_at, c.file_id, c.ingest_row
            ) as copy_rank
        from candidates as c
        inner join repeated as r on r.message_id = c.message_id
    )

select tenant, message_id, received_at, file_id, ingest_row
from single
union all
select tenant, message_id, received_at, file_id, ingest_row
from ranked
where copy_rank = 1
