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

    landed as (
        select
            tenant,
            source,
            received_date,
            sum(accepted_count) as accepted,
            sum(duplicate_count) as duplicate,
            sum(late_count) as late,
            sum(time_corrected_count) as time_corrected,
            sum(within_minute_count) as within_minute,
            sum(within_hour_count) as within_hour,
            sum(within_day_count) as within_day
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
            cast(coalesce(l.accepted, 0) as bigint) as accepted,
            cast(coalesce(l.duplicate, 0) as bigint) as duplicate,
            cast(coalesce(q.quarantined, 0) as bigint) as quarantined,
            cast(coalesce(c.suppressed, 0) as bigint) as suppressed,
            cast(coalesce(c.erased, 0) as bigint) as erased,
            cast(coalesce(l.late, 0) as bigint) as late,
            cast(coalesce(l.time_corrected, 0) as bigint) as time_corrected,
            cast(coalesce(l.within_minute, 0) as bigint) as within_minute,
            cast(coalesce(l.within_hour, 0) as bigint) as within_hour,
            cast(coalesce(l.within_day, 0) as bigint) as within_day
        from days as d
        left join counters as c on c.tenant = d.tenant and c.source = d.source and c.received_date = d.received_date
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
