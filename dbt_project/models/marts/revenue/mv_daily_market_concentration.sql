with
    revenue as (select * from {{ ref("fact_revenue") }}),

    as_of as (select * from {{ ref("int_events__as_of") }}),

    {{ spread_over_suppliers(["market"]) }}

select tenant, market, date_day as concentration_date, {{ spread_columns() }}
from added_up
