with
    tenants as (select tenant, time_zone from {{ source("ctl", "tenant") }}),

    local_days as (select * from {{ source("ctl", "local_day") }}),

    own as (
        select tenant, max(received_at) as data_as_of, min(event_date) as first_date
        from {{ ref("fact_events") }}
        group by tenant
    ),

    latest as (select max(data_as_of) as data_as_of from own)

select
    t.tenant,
    l.data_as_of,
    {{ local_date("l.data_as_of", "d") }} as local_date,
    {{ local_time("l.data_as_of", "d") }} as local_at,
    o.first_date
from tenants as t
cross join latest as l
left join own as o on o.tenant = t.tenant
left join local_days as d on d.time_zone = t.time_zone and d.utc_date = cast(l.data_as_of as date)
