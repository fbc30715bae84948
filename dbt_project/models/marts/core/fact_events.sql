{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "file_id",
                "key_type": "uuid",
                "lake": "events",
                "changed": [{"pending": true}, {"producer": "int_events__keys", "kind": "file"}],
                "propagates": [
                    {"kind": "file", "entity": "file_id"},
                    {"kind": "user", "entity": "user_id", "since": "d.event_at"},
                    {
                        "kind": "anonymous",
                        "entity": "anonymous_id",
                        "since": "d.event_at",
                        "where": "d.user_id is null",
                    },
                    {
                        "kind": "nobody",
                        "always": "''",
                        "since": "d.event_at",
                        "where": "d.user_id is null and d.anonymous_id is null",
                    },
                    {"kind": "identify", "entity": "anonymous_id", "where": "d.type = 'identify'"},
                    {"kind": "booking", "entity": "booking_id"},
                    {"kind": "date", "entity": "event_date"},
                ],
            }
        },
    )
}}

with
    landed as (
        select e.*
        from {{ ref("stg_events") }} as e
        {% if is_incremental() %} where {{ among_changed("e.file_id") }} {% endif %}
    ),

    winners as (
        select file_id, ingest_row
        from {{ ref("int_events__keys") }}
        {% if is_incremental() %} where {{ among_changed("file_id") }} {% endif %}
    ),

    local_days as ({{ local_days() }})

select
    l.tenant,
    l.source,
    l.message_id,
    l.type,
    l.event,
    l.user_id,
    l.anonymous_id,
    l.session_id as client_session_id,
    l.event_at,
    {{ local_date("l.event_at", "d") }} as event_date,
    {{ local_hour("l.event_at", "d") }} as event_hour,
    l.received_at,
    cast(l.received_at as date) as received_date,
    l.time_quality,
    coalesce(l.warnings like '%"late"%', false) as is_late,
    cast(
        {{ channel_of("l.context_campaign_medium", "l.context_campaign_source", "l.context_page_referrer") }} as varchar
    ) as channel,
    l.context_device_type as device_type,
    l.context_browser_name as browser,
    l.context_country as country,
    l.context_city as sender_city,
    l.context_page_url as page_url,
    l.context_page_referrer as page_referrer,
    l.context_campaign_source as utm_source,
    l.context_campaign_medium as utm_medium,
    l.context_campaign_name as utm_campaign,
    l.project_id,
    l.listing_id,
    l.supplier_id,
    l.category,
    l.city,
    l.origin,
    l.destination,
    l.depart_date,
    l.return_date,
    l.adults,
    l.children,
    l.cabin_class,
    l.results_count,
    l.lowest_price,
    l.average_price,
    l.highest_price,
    l.duration_ms,
    l.filters,
    l.is_refinement,
    l.search_ref,
    l.funnel,
    l.step,
    l.booking_id,
    l.inquiry_id,
    l.provider,
    l.amount,
    l.commission,
    l.currency,
    l.properties,
    l.warnings,
    l.file_id,
    l.ingest_row
from landed as l
-- Equality with the winner, never an anti-join with this table: a winner may move to another landing.
inner join winners as w on w.file_id = l.file_id and w.ingest_row = l.ingest_row
left join local_days as d on d.tenant = l.tenant and d.utc_date = cast(l.event_at as date)
