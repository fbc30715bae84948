with
    movements as (select * from {{ ref("fact_subscription_movements") }} where is_first_told),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    -- A subscription of which the beginning was never told was there before: it stands from the tenant's first date on.
    standing as (
        select
            m.tenant, a.first_date as movement_date, sum(m.previous_mrr_amount) as mrr, count(*) as subscription_count
        from movements as m
        inner join as_of as a on a.tenant = m.tenant
        where m.movement_number = 1 and m.movement <> 'new' and m.previous_mrr_amount > 0
        group by m.tenant, a.first_date
    ),

    changed as (
        select
            tenant,
            movement_date,
            sum(mrr_change_amount) as net_new_mrr,
            sum(lost_mrr_amount) as lost_mrr,
            sum(case when movement = 'expansion' then mrr_change_amount else 0 end) as expansion_mrr,
            sum(case when movement in ('new', 'reactivation') then 1 else 0 end) as started,
            sum(case when movement = 'churn' then 1 else 0 end) as ended
        from movements
        group by tenant, movement_date
    ),

    moved as (
        select
            coalesce(c.tenant, s.tenant) as tenant,
            coalesce(c.movement_date, s.movement_date) as movement_date,
            c.net_new_mrr,
            c.lost_mrr,
            c.expansion_mrr,
            c.started,
            c.ended,
            s.mrr as standing_mrr,
            s.subscription_count as standing
        from changed as c
        full join standing as s on s.tenant = c.tenant and s.movement_date = c.movement_date
    ),

    spans as ({{ day_spans("movement_date") }})

select
    s.tenant,
    dates.date_day as subscription_date,
    cast(sum(coalesce(m.net_new_mrr, 0) + coalesce(m.standing_mrr, 0)) over w as decimal(18, 4)) as mrr_amount,
    cast(
        sum(coalesce(m.started, 0) - coalesce(m.ended, 0) + coalesce(m.standing, 0)) over w as bigint
    ) as active_subscription_count,
    cast(coalesce(m.net_new_mrr, 0) as decimal(18, 4)) as net_new_mrr_amount,
    cast(coalesce(m.lost_mrr, 0) as decimal(18, 4)) as lost_mrr_amount,
    cast(coalesce(m.expansion_mrr, 0) as decimal(18, 4)) as expansion_mrr_amount,
    cast(coalesce(m.started, 0) as bigint) as started_subscription_count,
    cast(coalesce(m.ended, 0) as bigint) as ended_subscription_count
from spans as s {{ lateral_dates("s.first_date", "s.last_date") }}
left join moved as m on m.tenant = s.tenant and m.movement_date = dates.date_day
window w as (partition by s.tenant order by dates.date_day)
