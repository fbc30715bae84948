{{ config(materialized=view_or_table()) }}

with
    pledges as (select * from {{ ref("fact_pledges") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    -- What names nobody is no backer's.
    placed as (
        select
            p.*, row_number() over (partition by p.tenant, p.user_id order by p.pledged_at, p.pledge_event_id) as place
        from pledges as p
        where p.user_id is not null
    ),

    moved as (
        select
            tenant, pledge_date, sum(pledged_amount) as pledged, sum(case when place = 1 then 1 else 0 end) as backers
        from placed
        group by tenant, pledge_date
    ),

    spans as ({{ day_spans("pledge_date") }})

select
    s.tenant,
    dates.date_day as value_date,
    cast(sum(m.pledged) over w as decimal(18, 4)) as pledged_amount,
    cast(sum(m.backers) over w as bigint) as backer_count
from spans as s {{ lateral_dates("s.first_date", "s.last_date") }}
left join moved as m on m.tenant = s.tenant and m.pledge_date = dates.date_day
window w as (partition by s.tenant order by dates.date_day)
