{{ config(materialized=view_or_table()) }}

with
    requests as (select * from {{ ref("fact_api_requests") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    local_days as ({{ local_days() }}),

    counted as (
        select tenant, request_date, hour_of_day, count(*) as request_count
        from requests
        group by tenant, request_date, hour_of_day
    ),

    spans as (
        select c.tenant, min(c.request_date) as first_date, max(a.data_as_of) as data_as_of
        from counted as c
        inner join as_of as a on a.tenant = c.tenant
        group by c.tenant
    ),

    -- Clocks differ from UTC by whole quarters of an hour, so each quarter lies in one hour of any of them. All of a
    -- day
    -- are made: to ask of each whether it has begun would compare all days with all of them.
    quarters as (
        select
            s.tenant,
            s.first_date,
            s.data_as_of,
            dates.date_day as utc_date,
            cast(dates.date_day as timestamp) + n.number * interval '15 minutes' as quarter_at
        from spans as s {{ lateral_dates("s.first_date - 1", "s.data_as_of") }}
        cross join (values {% for n in range(96) %} ({{ n }}){{ ", " if not loop.last }}{% endfor %}) as n(number)
    ),

    local_quarters as (
        select
            q.tenant,
            q.first_date,
            {{ local_time("q.quarter_at", "d") }} as local_at,
            case when q.quarter_at < q.data_as_of then 900 end as seconds
        from quarters as q
        left join local_days as d on d.tenant = q.tenant and d.utc_date = q.utc_date
    ),

    covered as (
        select
            tenant,
            cast(local_at as date) as request_date,
            {{ hour_of_day("extract(hour from local_at)") }} as hour_of_day,
            sum(seconds) as second_count
        from local_quarters
        where cast(local_at as date) >= first_date
        group by 1, 2, 3
        having sum(seconds) is not null
    )

select
    coalesce(h.tenant, c.tenant) as tenant,
    coalesce(h.request_date, c.request_date) as request_date,
    coalesce(h.hour_of_day, c.hour_of_day) as hour_of_day,
    cast(coalesce(c.request_count, 0) as bigint) as request_count,
    -- A client whose clock is fast asks in hours that are not there yet.
    cast(coalesce(h.second_count, 0) as bigint) as second_count
from covered as h
full join counted as c on c.tenant = h.tenant and c.request_date = h.request_date and c.hour_of_day = h.hour_of_day
