{{ config(materialized=view_or_table()) }}

with
    availability as (select * from {{ ref("fact_availability") }}),

    outcomes as (select * from {{ ref("fact_booking_outcomes") }}),

    offered as (
        select tenant, supplier, available_date as work_date, sum(hours_available) as hours_available
        from availability
        group by tenant, supplier, available_date
    ),

    worked as (
        select tenant, supplier, outcome_date as work_date, sum(hours_delivered) as hours_worked
        from outcomes
        group by tenant, supplier, outcome_date
    )

select
    coalesce(o.tenant, w.tenant) as tenant,
    coalesce(o.supplier, w.supplier) as supplier,
    coalesce(o.work_date, w.work_date) as work_date,
    -- Nobody knows how much could be booked where nothing was published; where no work is told, none was done.
    o.hours_available,
    coalesce(w.hours_worked, 0) as hours_worked
from offered as o
full join worked as w on w.tenant = o.tenant and w.supplier = o.supplier and w.work_date = o.work_date
