with
    counters as (
        select
            tenant,
            source,
            received_date,
            sum(received) as received,
            sum(suppressed) as suppressed,
            sum(erased) as erased
        from {{ ref("stg_counters") }}
        group by tenant, source, received_date
    ),

    accepted as (
        select
            tenant,
            source,
            received_date,
            count(*) as accepted,
            sum(case when is_late then 1 else 0 end) as late,
            sum(case when time_quality <> 'ok' then 1 else 0 end) as time_corrected,
            sum(case when received_at - event_at <= interval '1 minute' then 1 else 0 end) as within_minute,
            sum(case when received_at - event_at <= interval '1 hour' then 1 else 0 end) as within_hour,
            sum(case when received_at - event_at <= interval '1 day' then 1 else 0 end) as within_day
        from {{ ref("fact_events") }}
        group by tenant, source, received_date
    ),

    landed as (
        select tenant, source, received_date, sum(duplicate_count) as duplicate
        from {{ ref("int_events__landings") }}
        group by tenant, source, received_date
    ),

    quarantined as (
        select tenant, source, received_date, count(*) as quarantined
        from {{ ref("stg_quarantine") }}
        group by tenant, source, received_date
    ),

    -- Every term is counted where its rows lie; a day that only one of them knows must still show.
    days as (
        select tenant, source, received_date
        from counters
        union
        select tenant, source, received_date
        from accepted
        union
        select tenant, source, received_date
        from landed
        union
        select tenant, source, received_date
        from quarantined
    ),

    joined as (
        select
            d.tenant,
            d.source,
            d.received_date,
            cast(coalesce(c.received, 0) as bigint) as received,
            cast(coalesce(a.accepted, 0) as bigint) as accepted,
            cast(coalesce(l.duplicate, 0) as bigint) as duplicate,
            cast(coalesce(q.quarantined, 0) as bigint) as quarantined,
            cast(coalesce(c.suppressed, 0) as bigint) as suppressed,
            cast(coalesce(c.erased, 0) as bigint) as erased,
            cast(coalesce(a.late, 0) as bigint) as late,
            cast(coalesce(a.time_corrected, 0) as bigint) as time_corrected,
            cast(coalesce(a.within_minute, 0) as bigint) as within_minute,
            cast(coalesce(a.within_hour, 0) as bigint) as within_hour,
            cast(coalesce(a.within_day, 0) as bigint) as within_day
        from days as d
        left join counters as c on c.tenant = d.tenant and c.source = d.source and c.received_date = d.received_date
        left join accepted as a on a.tenant = d.tenant and a.source = d.source and a.received_date = d.received_date
        left join landed as l on l.tenant = d.tenant and l.source = d.source and l.received_date = d.received_date
        left join quarantined as q on q.tenant = d.tenant and q.source = d.source and q.received_date = d.received_date
    )

select
    tenant,
    source,
    received_date,
    received,
    accepted,
    duplicate,
    quarantined,
    suppressed,
    erased,
    late,
    time_corrected,
    within_minute,
    within_hour,
    within_day,
    received - accepted - duplicate - quarantined - suppressed - erased as difference
from joined
