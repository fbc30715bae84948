with
    movements as (select * from {{ ref("fact_subscription_movements") }} where is_first_told),

    days as (select * from {{ ref("mv_daily_subscriptions") }}),

    grains as (select g.* from (values ('day'), ('week'), ('month'), ('quarter')) as g(period_grain)),

    periods as (
        select
            d.tenant,
            g.period_grain,
            cast(date_trunc(g.period_grain, d.subscription_date) as date) as start_date,
            min(d.subscription_date) as first_date
        from days as d
        cross join grains as g
        group by 1, 2, 3
    ),

    -- What was there at the beginning: what there is at the end of the first day, less what moved on it.
    opened as (
        select
            p.tenant,
            p.period_grain,
            p.start_date,
            d.active_subscription_count - d.started_subscription_count + d.ended_subscription_count as subscriptions,
            d.mrr_amount - d.net_new_mrr_amount as mrr
        from periods as p
        inner join days as d on d.tenant = p.tenant and d.subscription_date = p.first_date
    ),

    moved as (
        select m.*, g.period_grain, cast(date_trunc(g.period_grain, m.movement_date) as date) as start_date
        from movements as m
        cross join grains as g
    ),

    placed as (
        select
            m.*,
            row_number() over (
                partition by m.tenant, m.subscription_id, m.period_grain, m.start_date order by m.movement_number
            ) as place
        from moved as m
    ),

    -- A subscription that moved in a period: by its first movement there what it was before, by all what became of it.
    netted as (
        select
            tenant,
            period_grain,
            start_date,
            max(case when place = 1 and movement not in ('new', 'reactivation') then 1 else 0 end) as was_active,
            max(case when place = 1 and movement <> 'new' then previous_mrr_amount else 0 end) as mrr_before,
            sum(
                case when movement in ('new', 'reactivation') then 1 when movement = 'churn' then -1 else 0 end
            ) as step,
            sum(mrr_change_amount) as mrr_change
        from placed
        group by tenant, period_grain, start_date, subscription_id
    ),

    became as (
        select
            tenant,
            period_grain,
            start_date,
            sum(case when was_active = 1 and step < 0 then 1 else 0 end) as churned,
            sum(case when mrr_before > 0 then greatest(- mrr_change, 0) else 0 end) as churned_mrr,
            sum(case when mrr_before > 0 then greatest(mrr_change, 0) else 0 end) as expansion_mrr
        from netted
        group by tenant, period_grain, start_date
    )

select
    o.tenant,
    cast(o.period_grain as varchar) as period_grain,
    o.start_date,
    cast(o.subscriptions as bigint) as opening_subscription_count,
    cast(coalesce(b.churned, 0) as bigint) as churned_subscription_count,
    cast(o.mrr as decimal(18, 4)) as opening_mrr_amount,
    cast(coalesce(b.churned_mrr, 0) as decimal(18, 4)) as churned_mrr_amount,
    cast(coalesce(b.expansion_mrr, 0) as decimal(18, 4)) as expansion_mrr_amount
from opened as o
left join became as b on b.tenant = o.tenant and b.period_grain = o.period_grain and b.start_date = o.start_date
