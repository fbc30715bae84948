{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "file_id",
                "key_type": "uuid",
                "changed": [{"producer": "fact_events", "kind": "file"}],
            }
        },
    )
}}

with
    accepted as (
        select
            e.tenant,
            e.file_id,
            e.event,
            e.received_date,
            e.properties,
            -- Everything else came as the tracking plan declares it, so that its names say all.
            e.warnings like '%"undeclared:%' or e.warnings like '%"converted:%' or e.properties like '%:null%' as is_odd
        from {{ ref("fact_events") }} as e
        {% if is_incremental() %} where {{ among_changed("e.file_id") }} {% endif %}
    ),

    -- Events have few different shapes: these are counted first, and then taken apart once each.
    plain as (
        select tenant, file_id, event, received_date, {{ json_names("properties") }} as names, count(*) as event_count
        from accepted
        where is_odd is not true
        group by 1, 2, 3, 4, 5
    ),

    odd as (
        select tenant, file_id, event, received_date, {{ json_shape("properties") }} as shape, count(*) as event_count
        from accepted
        where is_odd
        group by 1, 2, 3, 4, 5
    ),

    counted as (
        select p.tenant, p.file_id, p.event, p.received_date, n.name as property, '' as json_type, p.event_count
        from plain as p
        cross join unnest(p.names) as n(name)
        union all
        select o.tenant, o.file_id, o.event, o.received_date, members.name, members.json_type, o.event_count
        from odd as o {{ lateral_json_types("o.shape") }}
    )

-- Cast, because PostgreSQL gives text where the contract says varchar.
select
    tenant,
    file_id,
    event,
    received_date,
    cast(property as varchar) as property,
    cast(json_type as varchar) as json_type,
    cast(sum(event_count) as bigint) as event_count
from counted
where json_type <> 'null' and property <> ''
group by tenant, file_id, event, received_date, property, json_type
union all
select
    tenant,
    file_id,
    event,
    received_date,
    cast('' as varchar) as property,
    cast('' as varchar) as json_type,
    cast(count(*) as bigint) as event_count
from accepted
group by tenant, file_id, event, received_date
