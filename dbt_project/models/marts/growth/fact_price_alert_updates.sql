{{ config(materialized=view_or_table()) }}

select
    e.tenant,
    e.message_id as price_alert_update_id,
    e.price_alert_id,
    e.status,
    e.user_id,
    e.listing_id,
    e.price,
    e.event_at as updated_at,
    e.event_date as update_date
from {{ ref("int_events__choices") }} as e
where e.event = 'price_alert_updated'
