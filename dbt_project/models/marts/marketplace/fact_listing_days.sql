{{ config(materialized=view_or_table()) }}

{% set counts = ["impression_count", "save_count", "share_count", "view_count", "inquiry_count", "booking_count"] %}

with
    interactions as (select * from {{ ref("fact_listing_interactions") }}),

    views as (select * from {{ ref("fact_listing_views") }}),

    inquiries as (select * from {{ ref("fact_inquiries") }} where not is_answer and is_first_told),

    revenue as (select * from {{ ref("fact_revenue") }}),

    told as (
        select tenant, listing_id, interaction_date as active_date, action as told, 1 as n, 0 as amount
        from interactions
        where action in ('impression', 'saved', 'shared')
        union all
        select tenant, listing_id, view_date, 'viewed', 1, 0
        from views
        union all
        select tenant, listing_id, inquiry_date, 'asked', 1, 0
        from inquiries
        union all
        select tenant, listing_id, revenue_date, 'booked', case when is_booking then 1 else 0 end, gmv_amount
        from revenue
    )

select
    tenant,
    listing_id,
    active_date,
    {% for word in ["impression", "saved", "shared", "viewed", "asked", "booked"] %}
        cast(sum(case when told = '{{ word }}' then n else 0 end) as bigint) as {{ counts[loop.index0] }},
    {% endfor %}
    cast(sum(amount) as decimal(18, 4)) as gmv_amount
from told
where listing_id is not null
group by tenant, listing_id, active_date
