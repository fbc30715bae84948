{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "local_date",
                "key_type": "date",
                "whole": true,
                "propagates": [{"kind": "date", "entity": "local_date"}],
            }
        },
    )
}}

with
    revenue as (select * from {{ ref("fact_revenue") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    moved as (
        select tenant, revenue_date, {{ content_of(["supplier", "market", "booked_amount"]) }} as content
        from revenue
        where supplier is not null and booked_amount <> 0
        group by tenant, revenue_date
    ),

    spans as ({{ day_spans("revenue_date") }})

select s.tenant, dates.date_day as local_date, cast(m.content as varchar) as content
from spans as s {{ lateral_dates("s.first_date", "s.last_date") }}
left join moved as m on m.tenant = s.tenant and m.revenue_date = dates.date_day
