{{
    config(
        materialized="incremental",
        contract={"enforced": true},
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "event_date",
                "key_type": "date",
                "changed": [{"producer": "fact_events", "kind": "date"}],
            }
        },
    )
}}

with
    events as (
        select e.tenant, e.event_date, e.listing_id, e.event, e.event_at, e.message_id, e.category, e.city
        from {{ ref("fact_events") }} as e
        {% if is_incremental() %}
            inner join int_events__listing_days__changed as c on c.tenant = e.tenant and c.event_date = e.event_date
        {% endif %}
        where e.listing_id is not null {% if is_incremental() %} and {{ among_changed("e.event_date") }} {% endif %}
    )

-- The latest event that names a category, and the latest that names a city, describe the listing.
select
    tenant,
    event_date,
    listing_id,
    {{ last_by("category", ["event_at", "message_id"], "category is not null") }} as category,
    max(case when category is not null then event_at end) as category_at,
    {{ last_by("message_id", ["event_at", "message_id"], "category is not null") }} as category_message_id,
    {{ last_by("city", ["event_at", "message_id"], "city is not null") }} as city,
    max(case when city is not null then event_at end) as city_at,
    {{ last_by("message_id", ["event_at", "message_id"], "city is not null") }} as city_message_id,
    min(event_at) as first_seen_at,
    max(event_at) as last_seen_at,
    cast(sum(case when event = 'listing_viewed' then 1 else 0 end) as bigint) as view_count
from events
group by tenant, event_date, listing_id
