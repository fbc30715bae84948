with
    counted as (
        select tenant, event, received_date, property, json_type, sum(event_count) as event_count
        from {{ ref("int_events__properties") }}
        group by tenant, event, received_date, property, json_type
    ),

    event_days as (select tenant, event, received_date, event_count from counted where property = ''),

    carried as (
        select tenant, event, received_date, property, sum(event_count) as property_count
        from counted
        where property <> ''
        group by tenant, event, received_date, property
    ),

    -- Every property of an event on every day of it, so that a day without the property has a row.
    known as (select distinct tenant, event, property from carried),

    spine as (
        select
            d.tenant,
            d.event,
            d.received_date,
            k.property,
            d.event_count,
            coalesce(c.property_count, 0) as property_count,
            sum(d.event_count) over (
                partition by d.tenant, d.event, k.property
                order by d.received_date range between interval '28 days' preceding and interval '1 day' preceding
            ) as usual_event_count,
            sum(c.property_count) over (
                partition by d.tenant, d.event, k.property
                order by d.received_date range between interval '28 days' preceding and interval '1 day' preceding
            ) as usual_property_count
        from event_days as d
        inner join known as k on k.tenant = d.tenant and k.event = d.event
        left join
            carried as c
            on c.tenant = d.tenant
            and c.event = d.event
            and c.received_date = d.received_date
            and c.property = k.property
    ),

    judged as (
        select
            s.*,
            p.type as declared_type,
            case
                when p.type in ('integer', 'number', 'money')
                then 'number'
                when p.type = 'boolean'
                then 'boolean'
                when p.type is not null
                then 'string'
            end as declared_json_type
        from spine as s
        left join {{ source("ctl", "property") }} as p on p.event = s.event and p.property = s.property
    ),

    typed as (
        select
            c.*,
            lag(c.received_date) over (
                partition by c.tenant, c.event, c.property, c.json_type order by c.received_date
            ) as last_date,
            row_number() over (
                partition by c.tenant, c.event, c.received_date, c.property order by c.event_count desc, c.json_type
            ) as rank
        from counted as c
        where c.property <> '' and c.json_type <> ''
    ),

    drifts as (
        select j.*, 'new' as drift, t.json_type, j.property_count as drift_count
        from judged as j
        left join
            typed as t
            on t.tenant = j.tenant
            and t.event = j.event
            and t.received_date = j.received_date
            and t.property = j.property
            and t.rank = 1
        where j.declared_type is null and j.property_count > 0 and coalesce(j.usual_property_count, 0) = 0
        union all
        select j.*, 'missing' as drift, cast(null as varchar) as json_type, j.event_count - j.property_count
        from judged as j
        where
            j.event_count >= 20
            and j.usual_event_count >= 20
            and 2 * j.usual_property_count >= j.usual_event_count
            -- At most a tenth of its usual share.
            and 10 * j.property_count * j.usual_event_count <= j.usual_property_count * j.event_count
        union all
        select j.*, 'type_changed' as drift, t.json_type, t.event_count
        from judged as j
        inner join
            typed as t
            on t.tenant = j.tenant
            and t.event = j.event
            and t.received_date = j.received_date
            and t.property = j.property
        where
            (t.last_date is null or t.last_date < t.received_date - interval '28 days')
            and (j.declared_type is not null or j.usual_property_count > 0)
            and t.json_type <> coalesce(j.declared_json_type, '')
            -- Money loses nothing as text.
            and not (j.declared_type is not distinct from 'money' and t.json_type = 'string')
    )

select
    tenant,
    event,
    received_date,
    property,
    drift,
    coalesce(json_type, '') as json_type,
    declared_type,
    cast(event_count as bigint) as event_count,
    cast(drift_count as bigint) as drift_count,
    cast(usual_property_count as double precision)
    / nullif(cast(usual_event_count as double precision), 0) as usual_ratio
from drifts
