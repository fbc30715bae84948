with
    revenue as (select * from {{ ref("fact_revenue") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    -- What nobody is known to have booked is no customer's.
    moved as (
        select
            tenant,
            revenue_date,
            sum(commission_amount) as earned,
            sum(case when is_booking and not is_repeat then 1 else 0 end) as customers
        from revenue
        where person_id is not null
        group by tenant, revenue_date
    ),

    spans as ({{ day_spans("revenue_date") }})

select
    s.tenant,
    dates.date_day as value_date,
    cast(sum(m.earned) over w as decimal(18, 4)) as earned_amount,
    cast(sum(m.customers) over w as bigint) as customer_count
from spans as s {{ lateral_dates("s.first_date", "s.last_date") }}
left join moved as m on m.tenant = s.tenant and m.revenue_date = dates.date_day
window w as (partition by s.tenant order by dates.date_day)
