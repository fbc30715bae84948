with
    events as (select min(event_date) as first_date, max(event_date) as last_date from {{ ref("fact_events") }}),

    -- Whole years, so that every week and month that touches the data is complete.
    bounds as (
        select
            date_trunc('year', coalesce(first_date, date '2020-01-01')) as first_day,
            date_trunc('year', coalesce(last_date, date '2020-01-01')) + interval '1 year' as end_day
        from events
    ),

    days as (
        select dates.date_day from bounds {{ lateral_dates("bounds.first_day", "bounds.end_day - interval '1 day'") }}
    )

select
    date_day,
    cast(date_trunc('week', date_day) as date) as week_start_date,
    cast(date_trunc('month', date_day) as date) as month_start_date,
    cast(date_trunc('quarter', date_day) as date) as quarter_start_date,
    cast(extract(isodow from date_day) as integer) as iso_weekday,
    extract(isodow from date_day) >= 6 as is_weekend
from days
