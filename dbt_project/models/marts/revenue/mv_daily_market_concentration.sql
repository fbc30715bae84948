{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "concentration_date",
                "key_type": "date",
                "changed": [{"query": "dates_of_spread"}],
            }
        },
    )
}}
{% set changed = "mv_daily_market_concentration__changed" if is_incremental() else none %}

with
    revenue as (select * from {{ ref("fact_revenue") }}),

    days as (select * from {{ ref("mv_daily_booked") }}),

    {{ spread_over_suppliers(changed, ["market"]) }}

select tenant, market, date_day as concentration_date, {{ spread_columns() }}
from added_up
