with
    user_days as (select * from {{ ref("fact_user_days") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    grains as (select g.* from (values ('day'), ('week'), ('month'), ('quarter')) as g(period_grain)),

    -- The days on which a user comes for the first time, or comes back after having been gone.
    arrivals as (
        select
            tenant,
            person_id,
            active_date as arrival_date,
            lead(active_date) over by_day as next_arrival_date,
            lead(previous_active_date) over by_day as last_date
        from user_days
        where previous_active_date is null or active_date - previous_active_date > {{ days_away() }}
        window by_day as (partition by tenant, person_id order by active_date)
    ),

    newest as (select tenant, person_id, max(active_date) as last_date from user_days group by tenant, person_id),

    -- From an arrival on a user is there, up to the day on which so many days have passed without another one.
    stays as (
        select
            a.tenant,
            a.person_id,
            a.arrival_date,
            a.next_arrival_date,
            coalesce(a.last_date, n.last_date) + {{ days_away() }} as lapse_date
        from arrivals as a
        inner join newest as n on n.tenant = a.tenant and n.person_id = a.person_id
    ),

    lapsed as (
        select s.* from stays as s inner join as_of as a on a.tenant = s.tenant and s.lapse_date <= a.local_date
    ),

    steps as (
        select tenant, arrival_date as step_date, 1 as step
        from stays
        union all
        select tenant, lapse_date, -1
        from lapsed
    ),

    moved as (select tenant, step_date, sum(step) as step from steps group by tenant, step_date),

    spans as ({{ day_spans("step_date") }}),

    days as (
        select
            s.tenant,
            dates.date_day,
            coalesce(
                sum(m.step) over (
                    partition by s.tenant order by dates.date_day rows between unbounded preceding and 1 preceding
                ),
                0
            ) as opening
        from spans as s {{ lateral_dates("s.first_date", "s.last_date") }}
        left join moved as m on m.tenant = s.tenant and m.step_date = dates.date_day
    ),

    periods as (
        select
            d.tenant,
            g.period_grain,
            cast(date_trunc(g.period_grain, d.date_day) as date) as start_date,
            min(d.date_day) as first_date
        from days as d
        cross join grains as g
        group by 1, 2, 3
    ),

    placed as (
        select
            l.*,
            g.period_grain,
            cast(date_trunc(g.period_grain, l.lapse_date) as date) as start_date,
            cast(date_trunc(g.period_grain, l.next_arrival_date) as date) as next_start_date
        from lapsed as l
        cross join grains as g
    ),

    -- Who was there when the period began, and is not at its end, however often in between.
    gone as (
        select tenant, period_grain, start_date, person_id
        from placed
        group by tenant, period_grain, start_date, person_id
        having min(arrival_date) < start_date and max(case when next_start_date = start_date then 0 else 1 end) = 1
    ),

    counted as (
        select tenant, period_grain, start_date, count(*) as churned from gone group by tenant, period_grain, start_date
    )

select
    p.tenant,
    cast(p.period_grain as varchar) as period_grain,
    p.start_date,
    cast(d.opening as bigint) as opening_user_count,
    cast(coalesce(c.churned, 0) as bigint) as churned_user_count
from periods as p
inner join days as d on d.tenant = p.tenant and d.date_day = p.first_date
left join counted as c on c.tenant = p.tenant and c.period_grain = p.period_grain and c.start_date = p.start_date
