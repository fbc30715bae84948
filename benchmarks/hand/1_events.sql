-- What a person would write for DuckDB alone to get from the lake to the KPI values once, with the same guarantees:
-- duplicates found over all history with ties broken, identity, sessions, reconciliation, every mart and every KPI.
-- No layers, no contracts, nothing that a later increment would need. `benchmarks.compare` compares its tables with the
-- models'. Given: views lake_events, lake_quarantine, lake_counters, lake_replays; tables tenant, local_day,
-- property and outside_event. The files of this folder are one script, in their order; `day.sql` is for one more day.

-- Copies that do not count. Ids are looked for across tenants, and ranked within each.
create table losers as
select tenant, source, received_at, file_id, ingest_row
from lake_events
where message_id in (select message_id from lake_events group by message_id having count(*) > 1)
qualify row_number() over (partition by tenant, message_id order by received_at, file_id, ingest_row) > 1;

create table fact_events as
select
    l.tenant, l.source, l.message_id, l.type, l.event, l.user_id, l.anonymous_id, l.session_id as client_session_id,
    l.event_at,
    cast(l.event_at + to_seconds(case when d.changes_at <= l.event_at then d.offset_after_seconds
        else coalesce(d.offset_seconds, 0) end) as date) as event_date,
    cast(hour(l.event_at + to_seconds(case when d.changes_at <= l.event_at then d.offset_after_seconds
        else coalesce(d.offset_seconds, 0) end)) as smallint) as event_hour,
    l.received_at, cast(l.received_at as date) as received_date, l.time_quality,
    coalesce(l.warnings like '%"late"%', false) as is_late,
    case lower(l.context_campaign_medium)
        when 'cpc' then 'paid' when 'ppc' then 'paid' when 'paid' then 'paid' when 'paid_search' then 'paid'
        when 'display' then 'paid' when 'email' then 'email' when 'social' then 'social'
        when 'affiliate' then 'affiliate' when 'organic' then 'organic'
        else case when coalesce(nullif(l.context_campaign_source, ''), nullif(l.context_page_referrer, '')) is not null
            then 'referral' end
    end as channel,
    l.context_device_type as device_type, l.context_browser_name as browser, l.context_country as country,
    l.context_city as sender_city,
    l.context_page_url as page_url, l.context_page_referrer as page_referrer, l.context_campaign_source as utm_source,
    l.context_campaign_medium as utm_medium, l.context_campaign_name as utm_campaign,
    l.project_id, l.listing_id, l.supplier_id, l.category, l.city, l.origin, l.destination, l.depart_date, l.return_date, l.adults,
    l.children, l.cabin_class, l.results_count, l.lowest_price, l.average_price, l.highest_price, l.duration_ms, l.filters,
    l.is_refinement, l.search_ref, l.funnel, l.step, l.booking_id, l.inquiry_id, l.provider, l.amount,
    l.commission, l.currency,
    l.properties, l.warnings,
    l.file_id, l.ingest_row
from lake_events as l
anti join losers as x on x.file_id = l.file_id and x.ingest_row = l.ingest_row
left join tenant as t on t.tenant = l.tenant
left join local_day as d on d.time_zone = t.time_zone and d.utc_date = cast(l.event_at as date);

-- The local time and day of the newest data, and the first day with any.
create temp table as_of as
select t.tenant, o.first_date, e.newest + to_seconds(case when d.changes_at <= e.newest then d.offset_after_seconds
    else coalesce(d.offset_seconds, 0) end) as local_at, cast(local_at as date) as local_date
from tenant as t
cross join (select max(received_at) as newest from fact_events) as e
left join (select tenant, min(event_date) as first_date from fact_events group by all) as o on o.tenant = t.tenant
left join local_day as d on d.time_zone = t.time_zone and d.utc_date = cast(e.newest as date);
