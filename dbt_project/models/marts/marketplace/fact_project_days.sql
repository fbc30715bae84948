{{ config(materialized=view_or_table()) }}

with
    updates as (select * from {{ ref("fact_project_updates") }}),

    pledges as (select * from {{ ref("fact_pledges") }} where is_first_told),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    -- Each state stands until the next one is told; category and community are those of the launch.
    states as (
        select
            u.tenant,
            u.listing_id,
            u.status,
            u.update_date,
            lead(u.update_date) over told as next_date,
            cast(min(case when u.is_launch then u.community end) over whole as varchar) as community,
            cast(min(case when u.is_launch then u.category end) over whole as varchar) as category
        from updates as u
        window
            told as (partition by u.tenant, u.listing_id order by u.updated_at, u.project_update_id),
            whole as (partition by u.tenant, u.listing_id)
    ),

    runs as (
        select
            s.tenant,
            s.listing_id,
            s.community,
            s.category,
            s.update_date as first_date,
            coalesce(s.next_date, greatest(s.update_date, a.local_date)) as last_date
        from states as s
        left join as_of as a on a.tenant = s.tenant
        where s.status = 'active'
    ),

    days as (
        select distinct r.tenant, r.listing_id, r.community, r.category, dates.date_day as run_date
        from runs as r {{ lateral_dates("r.first_date", "r.last_date") }}
    ),

    pledged as (
        select tenant, listing_id, pledge_date, sum(pledged_amount) as pledged_amount, count(*) as pledge_count
        from pledges
        group by tenant, listing_id, pledge_date
    )

select
    d.tenant,
    d.listing_id,
    d.community,
    d.category,
    d.run_date,
    cast(coalesce(p.pledged_amount, 0) as decimal(18, 4)) as pledged_amount,
    cast(coalesce(p.pledge_count, 0) as bigint) as pledge_count
from days as d
left join pledged as p on p.tenant = d.tenant and p.listing_id = d.listing_id and p.pledge_date = d.run_date
