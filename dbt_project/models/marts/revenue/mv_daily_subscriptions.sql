with
    movements as (select * from {{ ref("fact_subscription_movements") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    moved as (
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

    spans as ({{ day_spans("movement_date") }})

select
    s.tenant,
    dates.date_day as subscription_date,
    cast(sum(m.net_new_mrr) over w as decimal(18, 4)) as mrr_amount,
    cast(sum(coalesce(m.started, 0) - coalesce(m.ended, 0)) over w as bigint) as active_subscription_count,
    cast(coalesce(m.net_new_mrr, 0) as decimal(18, 4)) as net_new_mrr_amount,
    cast(coalesce(m.lost_mrr, 0) as decimal(18, 4)) as lost_mrr_amount,
    cast(coalesce(m.expansion_mrr, 0) as decimal(18, 4)) as expansion_mrr_amount,
    cast(coalesce(m.started, 0) as bigint) as started_subscription_count,
    cast(coalesce(m.ended, 0) as bigint) as ended_subscription_count
from spans as s {{ lateral_dates("s.first_date", "s.last_date") }}
left join moved as m on m.tenant = s.tenant and m.movement_date = dates.date_day
window w as (partition by s.tenant order by dates.date_day)
