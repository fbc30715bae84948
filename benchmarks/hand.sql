-- What a person would write for DuckDB alone to get from the lake to the KPI values once, with the same guarantees:
-- duplicates found over all history with ties broken, identity, sessions, reconciliation, every mart and every KPI.
-- No layers, no contracts, nothing that a later increment would need. `benchmarks.compare` compares its tables with the
-- models'. Given: views lake_events, lake_quarantine, lake_counters, lake_replays; tables tenant, local_day,
-- property and outside_event.

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

-- Who an anonymous id belongs to: the user of its earliest identify.
create table identities as
select
    tenant, anonymous_id,
    arg_min(user_id, (event_at, message_id)) as user_id, min(event_at) as identified_at
from fact_events
where type = 'identify' and anonymous_id is not null and user_id is not null
group by all;

-- Events of one person in one half hour always lie in one session, so sessions are found among half hours.
create temp table half_hours as
select
    e.tenant, coalesce(e.user_id, m.user_id, e.anonymous_id) as person_id,
    bool_or(coalesce(e.user_id, m.user_id) is not null) as is_identified,
    arg_min(e.message_id, (e.event_at, e.message_id)) as session_id,
    min(e.event_at) as started_at, max(e.event_at) as ended_at,
    min(e.event_date) as session_date, max(e.event_date) as ended_date,
    arg_min(e.event_hour, e.event_at) as started_hour,
    arg_min(e.channel, (e.event_at, e.message_id)) as channel,
    arg_min_null(e.utm_source, (e.event_at, e.message_id)) filter (where e.channel is not null) as utm_source,
    arg_min_null(e.utm_medium, (e.event_at, e.message_id)) filter (where e.channel is not null) as utm_medium,
    arg_min_null(e.utm_campaign, (e.event_at, e.message_id)) filter (where e.channel is not null) as utm_campaign,
    arg_min_null(e.page_referrer, (e.event_at, e.message_id)) filter (where e.channel is not null) as referrer,
    arg_min(e.anonymous_id, (e.event_at, e.message_id)) as device_id,
    arg_min(e.device_type, (e.event_at, e.message_id)) as device_type,
    arg_min(e.browser, (e.event_at, e.message_id)) as browser,
    arg_min(e.country, (e.event_at, e.message_id)) as country,
    count(*) as event_count,
    count_if(e.type in ('page', 'screen')) as page_view_count,
    count_if(e.event = 'listing_viewed') as listing_view_count,
    count_if(e.event = 'search_performed') as search_count,
    min(e.event_at) filter (where e.event = 'search_performed') as first_search_at,
    min(e.event_at) filter (where e.event = 'booking_confirmed') as first_booking_at,
    max(e.event_at) filter (where e.event = 'booking_confirmed') as last_booking_at
from fact_events as e
left join identities as m on m.tenant = e.tenant and m.anonymous_id = if(e.user_id is null, e.anonymous_id, null)
where e.type in ('track', 'page', 'screen') and coalesce(e.user_id, e.anonymous_id) is not null
    and not exists (select 1 from outside_event as o where o.event = e.event)
group by e.tenant, coalesce(e.user_id, m.user_id, e.anonymous_id), epoch_us(e.event_at) // 1800000000;

create table fact_sessions as
with
    spaced as (
        select *, case when started_at <= lag(ended_at) over person + interval 30 minute then 0 else 1 end as is_new
        from half_hours window person as (partition by tenant, person_id order by started_at)
    ),
    numbered as (
        select *, sum(is_new) over (partition by tenant, person_id order by started_at) as session_number from spaced
    )
select
    tenant, arg_min(session_id, started_at) as session_id, person_id, bool_or(is_identified) as is_identified,
    min(started_at) as started_at, max(ended_at) as ended_at,
    cast(floor(epoch(max(ended_at) - min(started_at))) as bigint) as duration_seconds,
    min(session_date) as session_date, max(ended_date) as ended_date,
    substr('000102030405060708091011121314151617181920212223', arg_min(started_hour, started_at) * 2 + 1, 2) as hour_of_day,
    coalesce(arg_min(channel, started_at), 'direct') as channel,
    arg_min_null(utm_source, started_at) filter (where channel is not null) as utm_source,
    arg_min_null(utm_medium, started_at) filter (where channel is not null) as utm_medium,
    coalesce(arg_min_null(utm_campaign, started_at) filter (where channel is not null), 'none') as utm_campaign,
    arg_min_null(referrer, started_at) filter (where channel is not null) as referrer,
    arg_min(device_id, started_at) as device_id,
    coalesce(arg_min(device_type, started_at), 'unknown') as device_type,
    coalesce(arg_min(browser, started_at), 'unknown') as browser,
    coalesce(arg_min(country, started_at), 'unknown') as country,
    cast(sum(event_count) as bigint) as event_count, cast(sum(page_view_count) as bigint) as page_view_count,
    cast(sum(listing_view_count) as bigint) as listing_view_count, cast(sum(search_count) as bigint) as search_count,
    sum(search_count) > 0 as has_search, max(last_booking_at) is not null as has_booking,
    coalesce(max(last_booking_at) >= min(first_search_at), false) as has_booking_after_search,
    session_number = 1 as is_first_session,
    session_number = 1 and coalesce(
        min(min(first_booking_at)) over (partition by tenant, person_id) <= min(started_at) + interval 7 day, false
    ) as is_activated,
    session_number = 1 and coalesce(
        min(min(started_at)) over (
            partition by tenant, person_id order by min(session_date)
            range between interval 1 day following and unbounded following
        ) <= min(started_at) + interval 28 day, false
    ) as is_returned
from numbered
group by tenant, person_id, session_number;

create table fact_user_days as
with days as (
    select tenant, person_id, session_date as active_date, channel from fact_sessions
    union all
    select tenant, person_id, cast(unnest(generate_series(session_date + interval 1 day, ended_date, interval 1 day)) as date),
        channel
    from fact_sessions where session_date < ended_date
)
select
    tenant, person_id, active_date, channel, count(*) as session_count,
    strftime(min(min(active_date)) over (partition by tenant, person_id), '%Y-%m') as user_cohort,
    lag(active_date) over (partition by tenant, person_id order by active_date, channel) as previous_active_date,
    lag(active_date) over (partition by tenant, person_id, channel order by active_date) as previous_channel_date
from days group by tenant, person_id, active_date, channel;

create table fact_searches as
select
    e.tenant, e.message_id as search_id, e.search_ref, coalesce(e.user_id, m.user_id, e.anonymous_id) as person_id,
    s.session_id, coalesce(s.channel, 'direct') as channel, e.event_at as searched_at, e.event_date as search_date,
    substr('000102030405060708091011121314151617181920212223', e.event_hour * 2 + 1, 2) as hour_of_day, e.category, e.city,
    coalesce(e.city || ' / ' || e.category, 'unknown') as market, e.origin, e.destination,
    if(e.origin is null or e.destination is null, 'none', e.origin || '-' || e.destination) as route, e.depart_date, e.return_date,
    coalesce(e.adults, if(e.destination is null, null, 1)) as adults,
    coalesce(e.children, if(e.destination is null, null, 0)) as children,
    coalesce(e.cabin_class, if(e.destination is null, null, 'economy')) as cabin_class, e.filters,
    coalesce(e.is_refinement, false) as is_refinement, e.results_count, e.lowest_price, e.average_price, e.highest_price,
    e.duration_ms
from fact_events as e
left join identities as m on m.tenant = e.tenant and m.anonymous_id = if(e.user_id is null, e.anonymous_id, null)
left join fact_sessions as s
    on s.tenant = e.tenant and s.person_id = coalesce(e.user_id, m.user_id, e.anonymous_id) and s.has_search
    and e.event_at between s.started_at and s.ended_at
where e.event = 'search_performed';

create table fact_listing_views as
select
    e.tenant, e.message_id as view_id, coalesce(e.user_id, m.user_id, e.anonymous_id) as person_id, s.session_id,
    coalesce(s.channel, 'direct') as channel, e.event_at as viewed_at, e.event_date as view_date, e.listing_id
from fact_events as e
left join identities as m on m.tenant = e.tenant and m.anonymous_id = if(e.user_id is null, e.anonymous_id, null)
left join fact_sessions as s
    on s.tenant = e.tenant and s.person_id = coalesce(e.user_id, m.user_id, e.anonymous_id)
    and s.listing_view_count > 0 and e.event_at between s.started_at and s.ended_at
where e.event = 'listing_viewed';

-- What each booking gained or lost per local date.
create temp table movements as
with lines as (
    select *, case event when 'booking_confirmed' then 'booked' else 'cancelled' end as movement
    from fact_events
    where event in ('booking_confirmed', 'booking_cancelled') and booking_id is not null
)
select
    tenant, booking_id, movement, event_date as movement_date,
    min(event_at) = min(min(event_at)) over (partition by tenant, booking_id, movement) as is_first,
    min(event_at) as moved_at,
    arg_min_null(user_id, (event_at, message_id)) as user_id,
    arg_min_null(anonymous_id, (event_at, message_id)) as anonymous_id,
    arg_min_null(listing_id, (event_at, message_id)) as listing_id,
    arg_min_null(currency, (event_at, message_id)) as currency,
    first_value(arg_min(supplier_id, (event_at, message_id)) ignore nulls) over told as supplier_id,
    first_value(arg_min(inquiry_id, (event_at, message_id)) ignore nulls) over told as inquiry_id,
    first_value(arg_min(provider, (event_at, message_id)) ignore nulls) over told as provider,
    count(*) as line_count, cast(sum(amount) as decimal(18, 4)) as amount,
    cast(coalesce(sum(commission), 0) as decimal(18, 4)) as commission
from lines
group by tenant, booking_id, movement, event_date
window told as (
    partition by tenant, booking_id order by movement, event_date
    rows between unbounded preceding and unbounded following
);

create table dim_listings as
with seen as (
    select
        tenant, listing_id,
        arg_max_null(category, (event_at, message_id)) filter (where category is not null) as category,
        arg_max_null(city, (event_at, message_id)) filter (where city is not null) as city,
        min(event_at) as first_seen_at, max(event_at) as last_seen_at,
        count_if(event = 'listing_viewed') as view_count
    from fact_events where listing_id is not null group by all
),
published as (
    select
        e.tenant, e.listing_id, arg_max(l.supplier_id, (e.event_at, e.message_id)) as supplier_id,
        arg_max(l.origin || '-' || l.destination, (e.event_at, e.message_id)) as route
    from fact_events as e
    inner join lake_events as l on l.file_id = e.file_id and l.ingest_row = e.ingest_row
    where e.event in ('listing_updated', 'availability_published') and e.listing_id is not null
    group by all
)
select s.tenant, s.listing_id, s.category, s.city, p.supplier_id, p.route, s.first_seen_at, s.last_seen_at, s.view_count
from seen as s left join published as p using (tenant, listing_id);

create table dim_suppliers as
select e.tenant, l.supplier_id, l.status, l.title, l.category, l.city, l.country, l.supplier_user_id as user_id,
    min(e.event_at) over (partition by e.tenant, l.supplier_id) as joined_at, e.event_at as updated_at
from fact_events as e
inner join lake_events as l on l.file_id = e.file_id and l.ingest_row = e.ingest_row
where e.event = 'supplier_updated' and l.supplier_id is not null
qualify row_number() over (partition by e.tenant, l.supplier_id order by e.event_at desc, e.message_id desc) = 1;

create table fact_revenue as
with
    described as (
        select
            v.*, coalesce(v.user_id, m.user_id, v.anonymous_id) as person_id,
            v.movement = 'booked' and v.is_first as is_booking,
            coalesce(v.supplier_id, l.supplier_id, v.listing_id) as supplier,
            coalesce(l.category, 'unknown') as category, coalesce(l.city, 'unknown') as city,
            coalesce(l.route, 'none') as route, coalesce(l.city || ' / ' || l.category, 'unknown') as market,
            strftime(v.moved_at + to_seconds(case when d.changes_at <= v.moved_at then d.offset_after_seconds
                else coalesce(d.offset_seconds, 0) end), '%H') as hour_of_day
        from movements as v
        left join identities as m on m.tenant = v.tenant and m.anonymous_id = if(v.user_id is null, v.anonymous_id, null)
        left join dim_listings as l on l.tenant = v.tenant and l.listing_id = v.listing_id
        left join tenant as t on t.tenant = v.tenant
        left join local_day as d on d.time_zone = t.time_zone and d.utc_date = cast(v.moved_at as date)
    ),
    since as (
        select *, count_if(is_booking) over (
                partition by tenant, person_id order by moved_at, booking_id
                rows between unbounded preceding and 1 preceding
            ) as before,
            min(if(is_booking, movement_date, null)) over (partition by tenant, person_id) as buyer_since,
            min(if(is_booking, movement_date, null)) over (partition by tenant, supplier) as supplier_since
        from described
    )
select
    v.tenant, v.booking_id, v.movement, v.movement_date as revenue_date, v.moved_at as revenue_at, v.hour_of_day, v.is_first,
    v.is_booking, v.person_id is not null and v.is_booking and coalesce(v.before > 0, false) as is_repeat,
    v.is_booking and exists (from dim_suppliers as u where u.tenant = v.tenant and u.user_id = v.person_id) as is_cross_side,
    v.person_id, s.session_id, coalesce(s.channel, 'direct') as channel, v.listing_id, v.category, v.city, v.route,
    v.market, v.supplier, v.inquiry_id, coalesce(v.provider, 'unknown') as provider,
    cast(floor(epoch(v.moved_at - s.started_at)) as bigint) as seconds_in_session,
    if(v.person_id is null, 'unknown', coalesce(strftime(v.buyer_since, '%Y-%m'), 'unknown')) as buyer_cohort,
    if(v.supplier is null, 'unknown', coalesce(strftime(v.supplier_since, '%Y-%m'), 'unknown')) as supplier_cohort,
    v.currency, v.line_count,
    cast(if(v.movement = 'booked', v.amount, 0) as decimal(18, 4)) as booked_amount,
    cast(if(v.movement = 'booked', v.amount, -v.amount) as decimal(18, 4)) as gmv_amount,
    cast(if(v.movement = 'booked', v.commission, -v.commission) as decimal(18, 4)) as commission_amount
from since as v
left join fact_sessions as s
    on s.tenant = v.tenant and s.person_id = v.person_id and v.moved_at between s.started_at and s.ended_at;

create table fact_signups as
with signups as (
    select
        e.tenant, e.message_id as signup_id, coalesce(e.user_id, m.user_id, e.anonymous_id) as person_id, e.user_id,
        s.session_id, coalesce(s.channel, 'direct') as channel, coalesce(l.role, 'unknown') as role,
        e.event_at as signed_up_at, e.event_date as signup_date
    from fact_events as e
    inner join lake_events as l on l.file_id = e.file_id and l.ingest_row = e.ingest_row
    left join identities as m on m.tenant = e.tenant and m.anonymous_id = if(e.user_id is null, e.anonymous_id, null)
    left join fact_sessions as s
        on s.tenant = e.tenant and s.person_id = coalesce(e.user_id, m.user_id, e.anonymous_id)
        and e.event_at between s.started_at and s.ended_at
    where e.event = 'signup_completed'
)
select s.*, exists (
        select 1 from fact_revenue as r
        where r.tenant = s.tenant and r.person_id = s.person_id and r.is_booking
            and r.revenue_at between s.signed_up_at and s.signed_up_at + interval 7 day
    ) as is_converted
from signups as s;

create table fact_bookings as
with bookings as (
select
    tenant, booking_id, if(bool_or(movement = 'cancelled'), 'cancelled', 'confirmed') as status,
    bool_or(movement = 'cancelled') as is_cancelled,
    min(revenue_at) filter (where movement = 'booked') as booked_at,
    min(revenue_date) filter (where movement = 'booked') as booking_date,
    min(revenue_at) filter (where movement = 'cancelled') as cancelled_at,
    arg_min_null(person_id, (movement, revenue_at, revenue_date)) as person_id,
    arg_min_null(session_id, (movement, revenue_at, revenue_date)) as session_id,
    arg_min_null(channel, (movement, revenue_at, revenue_date)) as channel,
    arg_min_null(listing_id, (movement, revenue_at, revenue_date)) as listing_id,
    arg_min_null(currency, (movement, revenue_at, revenue_date)) as currency,
    cast(sum(line_count) as bigint) as line_count, cast(sum(booked_amount) as decimal(18, 4)) as gross_amount,
    cast(sum(booked_amount - gmv_amount) as decimal(18, 4)) as cancelled_amount,
    cast(sum(gmv_amount) as decimal(18, 4)) as net_amount,
    cast(sum(commission_amount) as decimal(18, 4)) as commission_amount, max(provider) as provider,
    cast(arg_min_null(if(movement = 'booked', seconds_in_session, null), (movement, revenue_at, revenue_date)) / 60.0
        as decimal(18, 4)) as conversion_minutes
from fact_revenue group by tenant, booking_id
),
in_sessions as (
    select tenant, session_id, 'search_performed' as step, searched_at as reached_at from fact_searches
    union all select tenant, session_id, 'listing_viewed', viewed_at from fact_listing_views
    union all select tenant, session_id, 'signup_completed', signed_up_at from fact_signups
),
steps as (
    select b.tenant, b.booking_id, v.step, min(v.reached_at) as reached_at
    from bookings as b
    inner join in_sessions as v on v.tenant = b.tenant and v.session_id = b.session_id and v.reached_at <= b.booked_at
    group by all
)
select b.*, s.funnel_steps
from bookings as b
left join (
    select tenant, booking_id, string_agg(step, ', ' order by reached_at, step) as funnel_steps from steps group by all
) as s on s.tenant = b.tenant and s.booking_id = b.booking_id;

create table mv_daily_customer_value as
with moved as (
    select tenant, revenue_date, sum(commission_amount) as earned, count_if(is_booking and not is_repeat) as customers
    from fact_revenue where person_id is not null group by all
),
days as (
    select m.tenant, unnest(generate_series(min(m.revenue_date), greatest(max(m.revenue_date), any_value(a.local_date)),
        interval 1 day))::date as value_date
    from moved as m left join as_of as a on a.tenant = m.tenant group by m.tenant
)
select d.tenant, d.value_date, cast(sum(m.earned) over so_far as decimal(18, 4)) as earned_amount,
    cast(sum(m.customers) over so_far as bigint) as customer_count
from days as d left join moved as m on m.tenant = d.tenant and m.revenue_date = d.value_date
window so_far as (partition by d.tenant order by d.value_date);

-- How what was booked in 28 days is spread over suppliers.
create table mv_daily_concentration as
with
    counted as (
        select r.tenant, r.supplier, sum(r.booked_amount) as amount, r.revenue_date as first,
            least(r.revenue_date + interval 27 day, any_value(x.last)) as last
        from fact_revenue as r
        inner join (
            select r.tenant, greatest(max(r.revenue_date), any_value(a.local_date)) as last
            from fact_revenue as r left join as_of as a using (tenant)
            where r.supplier is not null and r.booked_amount <> 0 group by all
        ) as x using (tenant)
        where r.supplier is not null and r.booked_amount <> 0 group by r.tenant, r.supplier, r.revenue_date
    ),
    spread as (
        select tenant, supplier, cast(unnest(generate_series(first, last, interval 1 day)) as date) as day, amount from counted
    ),
    per_supplier as (
        select tenant, day, supplier, cast(sum(amount) as decimal(28, 4)) as amount from spread group by all having sum(amount) > 0
    ),
    ranked as (
        select *, row_number() over (partition by tenant, day order by amount desc) as place,
            count(*) over (partition by tenant, day) as n
        from per_supplier
    )
select tenant, day as concentration_date, count(*) as supplier_count, cast(sum(amount) as decimal(18, 4)) as booked_amount,
    cast(coalesce(sum(amount) filter (where place <= ceil(n / 10)), 0) as decimal(18, 4)) as top_amount,
    cast(sum(amount * amount) as decimal(36, 4)) as sum_of_squares,
    cast(cast(sum(amount) as decimal(28, 4)) * cast(sum(amount) as decimal(28, 4)) as decimal(36, 4)) as square_of_sum
from ranked group by all;

create table mv_daily_market_concentration as
with
    counted as (
        select r.tenant, r.market, r.supplier, sum(r.booked_amount) as amount, r.revenue_date as first,
            least(r.revenue_date + interval 27 day, any_value(x.last)) as last
        from fact_revenue as r
        inner join (
            select r.tenant, greatest(max(r.revenue_date), any_value(a.local_date)) as last
            from fact_revenue as r left join as_of as a using (tenant)
            where r.supplier is not null and r.booked_amount <> 0 group by all
        ) as x using (tenant)
        where r.supplier is not null and r.booked_amount <> 0 group by r.tenant, r.market, r.supplier, r.revenue_date
    ),
    spread as (
        select tenant, market, supplier, cast(unnest(generate_series(first, last, interval 1 day)) as date) as day, amount from counted
    ),
    per_supplier as (
        select tenant, market, day, supplier, cast(sum(amount) as decimal(28, 4)) as amount from spread group by all having sum(amount) > 0
    ),
    ranked as (
        select *, row_number() over (partition by tenant, market, day order by amount desc) as place,
            count(*) over (partition by tenant, market, day) as n
        from per_supplier
    )
select tenant, market, day as concentration_date, count(*) as supplier_count, cast(sum(amount) as decimal(18, 4)) as booked_amount,
    cast(coalesce(sum(amount) filter (where place <= ceil(n / 10)), 0) as decimal(18, 4)) as top_amount,
    cast(sum(amount * amount) as decimal(36, 4)) as sum_of_squares,
    cast(cast(sum(amount) as decimal(28, 4)) * cast(sum(amount) as decimal(28, 4)) as decimal(36, 4)) as square_of_sum
from ranked group by all;

create table dim_tenants as select tenant, title, business, time_zone, currency from tenant;

create table dim_date as
select
    day as date_day, cast(date_trunc('week', day) as date) as week_start_date,
    cast(date_trunc('month', day) as date) as month_start_date,
    cast(isodow(day) as integer) as iso_weekday, isodow(day) >= 6 as is_weekend
from (
    select cast(unnest(generate_series(date_trunc('year', min(event_date)),
        date_trunc('year', max(event_date)) + interval 1 year - interval 1 day, interval 1 day)) as date) as day
    from fact_events
);

-- What is known of a user, from when until when; a profile that leaves a trait out leaves it as it was.
create table dim_users_history as
with
    profiles as (
        select e.tenant, e.user_id, e.event_at, e.message_id, l.country, l.city, l.role, l.plan
        from fact_events as e
        inner join lake_events as l on l.file_id = e.file_id and l.ingest_row = e.ingest_row
        where e.event in ('user_identified', 'signup_completed') and e.user_id is not null
    ),
    known as (
        select tenant, user_id, event_at, last_value(country ignore nulls) over so_far as country,
            last_value(city ignore nulls) over so_far as city, last_value(role ignore nulls) over so_far as role,
            last_value(plan ignore nulls) over so_far as plan
        from profiles
        window so_far as (partition by tenant, user_id order by event_at, message_id rows unbounded preceding)
        qualify row_number() over (partition by tenant, user_id, event_at order by message_id desc) = 1
    ),
    changes as (
        from known
        window by_time as (partition by tenant, user_id order by event_at)
        qualify row_number() over by_time = 1
            or row(country, city, role, plan) is distinct from lag(row(country, city, role, plan)) over by_time
    )
select
    tenant, user_id, event_at as valid_from, lead(event_at) over by_time as valid_to, valid_to is null as is_current,
    country, city, role, plan
from changes window by_time as (partition by tenant, user_id order by event_at);

create table dim_users as
select
    s.tenant, s.person_id, bool_or(is_identified) as is_identified, min(started_at) as first_seen_at,
    max(ended_at) as last_seen_at, min(session_date) as first_seen_date,
    arg_min(channel, (started_at, session_id)) as first_channel, count(*) as session_count,
    coalesce(any_value(b.booking_count), 0) as booking_count,
    cast(coalesce(any_value(b.net_amount), 0) as decimal(18, 4)) as net_amount,
    any_value(u.country) as country, any_value(u.city) as city, any_value(u.role) as role, any_value(u.plan) as plan
from fact_sessions as s
left join (
    select tenant, person_id, count(*) as booking_count, sum(net_amount) as net_amount
    from fact_bookings where person_id is not null and booked_at is not null group by all
) as b on b.tenant = s.tenant and b.person_id = s.person_id
left join dim_users_history as u on u.tenant = s.tenant and u.user_id = s.person_id and u.is_current
group by s.tenant, s.person_id;

create table mv_daily_conversions as
select
    tenant, session_date, channel, count(*) as session_count, count_if(has_search) as search_session_count,
    count_if(listing_view_count > 0) as listing_view_session_count, count_if(has_booking) as booking_session_count,
    count_if(has_booking_after_search) as search_booking_session_count
from fact_sessions group by all;

create table mv_daily_events as
select tenant, source, event, event_date, count(*) as accepted from fact_events group by all;

create temp table rejected as
select q.*, r.received_at as replayed_at
from lake_quarantine as q
left join lake_replays as r
    on r.tenant = q.tenant and r.quarantine_file_id = q.file_id and r.quarantine_row = q.ingest_row;

create table mv_daily_quarantine as
select tenant, source, coalesce(event, '') as event, cast(received_at as date) as received_date, field, code,
    count(*) as quarantined, count(replayed_at) as replayed
from rejected group by all;

create table mv_quarantine_latest as
select tenant, source, received_at, event, field, code, message, replayed_at, file_id, ingest_row,
    row_number() over (partition by tenant order by received_at desc, file_id desc, ingest_row desc) as recency
from rejected qualify recency <= 200;

-- Properties by event and day. Only events with a warning about a property, or a null, can hold one not as declared.
create temp table carried as
with
    odd as (
        select tenant, event, received_date, json_structure(properties) as shape, count(*) as n
        from fact_events
        where warnings like '%"undeclared:%' or warnings like '%"converted:%' or properties like '%:null%' group by all
    ),
    plain as (
        select tenant, event, received_date, json_keys(properties) as names, count(*) as n
        from fact_events
        where not coalesce(
            warnings like '%"undeclared:%' or warnings like '%"converted:%' or properties like '%:null%', false)
        group by all
    ),
    members as (
        select tenant, event, received_date, unnest(names) as property, '' as json_type, n from plain
        union all
        select o.tenant, o.event, o.received_date, m.key, case m.type when 'OBJECT' then 'object' when 'ARRAY' then 'array'
            else case m.value ->> '$' when 'VARCHAR' then 'string' when 'BOOLEAN' then 'boolean' when 'NULL' then 'null'
            else 'number' end end, n
        from odd as o, json_each(o.shape) as m
    )
select tenant, event, received_date, property, json_type, sum(n) as n
from members where json_type <> 'null' and property <> '' group by all;

create table mv_daily_drift as
with
    days as (select tenant, event, received_date, count(*) as event_count from fact_events group by all),
    by_day as (select tenant, event, received_date, property, sum(n) as n from carried group by all),
    spine as (
        select d.*, k.property, coalesce(b.n, 0) as n,
            sum(d.event_count) over history as usual_events, sum(b.n) over history as usual_n
        from days as d
        inner join (select distinct tenant, event, property from by_day) as k using (tenant, event)
        left join by_day as b using (tenant, event, received_date, property)
        window history as (partition by tenant, event, k.property order by d.received_date
            range between interval '28 days' preceding and interval '1 day' preceding)
    ),
    judged as (
        select s.*, p.type as declared_type
        from spine as s left join property as p on p.event = s.event and p.property = s.property
    ),
    typed as (
        select *, lag(received_date) over (partition by tenant, event, property, json_type order by received_date) as last
        from carried where json_type <> ''
    ),
    drifts as (
        select j.*, 'new' as drift, first(t.json_type order by t.n desc, t.json_type) as json_type, j.n as drift_count
        from judged as j left join typed as t using (tenant, event, received_date, property)
        where declared_type is null and j.n > 0 and coalesce(usual_n, 0) = 0 group by all
        union all
        select *, 'missing', null, event_count - n from judged
        where event_count >= 20 and usual_events >= 20 and 2 * usual_n >= usual_events
            and 10 * n * usual_events <= usual_n * event_count
        union all
        select j.*, 'type_changed', t.json_type, t.n
        from judged as j inner join typed as t using (tenant, event, received_date, property)
        where coalesce(t.last < t.received_date - interval '28 days', true) and (declared_type is not null or usual_n > 0)
            and t.json_type <> case when declared_type in ('integer', 'number', 'money') then 'number'
                when declared_type = 'boolean' then 'boolean' when declared_type is not null then 'string' else '' end
            and not coalesce(declared_type = 'money' and t.json_type = 'string', false)
    )
select tenant, event, received_date, property, drift, coalesce(json_type, '') as json_type, declared_type,
    cast(event_count as bigint) as event_count, cast(drift_count as bigint) as drift_count,
    usual_n::double / usual_events as usual_ratio
from drifts;

create table mv_daily_arrivals as
with
    terms as (
        select tenant, source, received_date, received, 0 as accepted, 0 as duplicate, 0 as quarantined, suppressed,
            erased, 0 as late, 0 as time_corrected, 0 as within_minute, 0 as within_hour, 0 as within_day
        from lake_counters
        union all
        select tenant, source, received_date, 0, count(*), 0, 0, 0, 0, count_if(is_late), count_if(time_quality <> 'ok'),
            count_if(received_at - event_at <= interval 1 minute), count_if(received_at - event_at <= interval 1 hour),
            count_if(received_at - event_at <= interval 1 day)
        from fact_events group by all
        union all
        select tenant, source, cast(received_at as date), 0, 0, count(*), 0, 0, 0, 0, 0, 0, 0, 0 from losers group by all
        union all
        select tenant, source, received_date, 0, 0, 0, quarantined, 0, 0, 0, 0, 0, 0, 0 from mv_daily_quarantine
    )
select
    tenant, source, received_date, cast(sum(received) as bigint) as received, cast(sum(accepted) as bigint) as accepted,
    cast(sum(duplicate) as bigint) as duplicate, cast(sum(quarantined) as bigint) as quarantined,
    cast(sum(suppressed) as bigint) as suppressed, cast(sum(erased) as bigint) as erased,
    cast(sum(late) as bigint) as late, cast(sum(time_corrected) as bigint) as time_corrected,
    cast(sum(within_minute) as bigint) as within_minute, cast(sum(within_hour) as bigint) as within_hour,
    cast(sum(within_day) as bigint) as within_day,
    cast(sum(received - accepted - duplicate - quarantined - suppressed - erased) as bigint) as difference
from terms group by all;

create temp macro alone(kpi, n) as {'kpi': kpi, 'n': n, 'd': if(n is null, null, 1)};

create table kpi_values as
with
    per_session as (
        select tenant, session_date as day, channel, count(*) as sessions, count_if(has_search) as searching,
            count_if(has_booking_after_search) as converted, sum(duration_seconds) as seconds,
            sum(page_view_count) as pages, count_if(event_count = 1) as bounced, count_if(is_first_session) as news,
            count_if(is_activated) as activated, count_if(is_returned) as returned
        from fact_sessions group by all
    ),
    per_search as (select tenant, search_date as day, channel, count(*) as searches,
            count_if(results_count = 0) as found_nothing, count(results_count) as answered
        from fact_searches group by all),
    per_view as (select tenant, view_date as day, channel, count(*) as views from fact_listing_views group by all),
    per_signup as (select tenant, signup_date as day, channel, count(*) as signups,
            count_if(is_converted) as converted_signups from fact_signups group by all),
    per_movement as (
        select tenant, revenue_date as day, channel, count_if(movement = 'booked' and is_first) as bookings,
            sum(booked_amount) as booked, sum(gmv_amount) as gmv, sum(commission_amount) as commission,
            sum(booked_amount - gmv_amount) as cancelled, count_if(is_repeat) as repeats,
            count_if(is_booking and person_id is not null) as of_known
        from fact_revenue group by all
    ),
    additive as (
        select tenant, day, channel, sum(sessions) as sessions, sum(searching) as searching, sum(converted) as converted,
            sum(searches) as searches, sum(bookings) as bookings, sum(booked) as booked, sum(gmv) as gmv,
            sum(commission) as commission, sum(found_nothing) as found_nothing, sum(answered) as answered,
            sum(views) as views, sum(cancelled) as cancelled, sum(repeats) as repeats, sum(of_known) as of_known,
            sum(seconds) as seconds, sum(pages) as pages, sum(bounced) as bounced, sum(news) as news,
            sum(activated) as activated, sum(returned) as returned, sum(signups) as signups, sum(converted_signups) as converted_signups
        from (from per_session union all by name from per_signup union all by name from per_search union all by name from per_movement
            union all by name from per_view)
        group by all
    ),
    periods as (
        select *, 'day' as time_grain, day as period_start from additive
        union all select *, 'week', cast(date_trunc('week', day) as date) from additive
        union all select *, 'month', cast(date_trunc('month', day) as date) from additive
        union all select *, 'quarter', cast(date_trunc('quarter', day) as date) from additive
    ),
    summed as (
        select tenant, time_grain, period_start, if(grouping(channel) = 1, 'all', 'channel') as dimension,
            coalesce(channel, 'all') as dimension_value, sum(sessions) as sessions, sum(searching) as searching,
            sum(converted) as converted, sum(searches) as searches, sum(bookings) as bookings, sum(booked) as booked,
            sum(gmv) as gmv, sum(commission) as commission, sum(found_nothing) as found_nothing,
            sum(answered) as answered, sum(views) as views, sum(cancelled) as cancelled, sum(repeats) as repeats,
            sum(of_known) as of_known, sum(seconds) as seconds, sum(pages) as pages, sum(bounced) as bounced,
            sum(news) as news, sum(activated) as activated, sum(returned) as returned, sum(signups) as signups,
            sum(converted_signups) as converted_signups
        from periods
        group by grouping sets ((tenant, time_grain, period_start), (tenant, time_grain, period_start, channel))
    ),
    met as (
        select tenant, channel, active_date as day, 'active' as kind, person_id as id from fact_user_days
        union all
        select tenant, channel, view_date, 'viewed', listing_id from fact_listing_views
        union all
        select tenant, channel, revenue_date, 'buyer', person_id from fact_revenue where is_booking
        union all
        select tenant, channel, revenue_date, 'booked', listing_id from fact_revenue where is_booking
        union all
        select tenant, channel, revenue_date, 'selling', supplier from fact_revenue where is_booking
        union all
        select tenant, channel, revenue_date, 'crossing', person_id from fact_revenue where is_cross_side
    ),
    met_periods as (
        select tenant, kind, id, channel, 'day' as time_grain, day as period_start from met
        union select tenant, kind, id, channel, 'week', cast(date_trunc('week', day) as date) from met
        union select tenant, kind, id, channel, 'month', cast(date_trunc('month', day) as date) from met
        union select tenant, kind, id, channel, 'quarter', cast(date_trunc('quarter', day) as date) from met
    ),
    counted as (
        select tenant, time_grain, period_start, 'channel' as dimension, channel as dimension_value, kind, count(id) as n
        from met_periods group by all
        union all
        select tenant, time_grain, period_start, 'all', 'all', kind, count(distinct id) from met_periods group by all
    ),
    distinct_counts as (
        select tenant, time_grain, period_start, dimension, dimension_value, sum(n) filter (where kind = 'active') as persons,
            sum(n) filter (where kind = 'viewed') as viewed, sum(n) filter (where kind = 'buyer') as buyers,
            sum(n) filter (where kind = 'booked') as booked_listings,
            sum(n) filter (where kind = 'selling') as suppliers,
            sum(n) filter (where kind = 'crossing') as crossing
        from counted group by all
    ),
    levels as (
        select tenant, g.time_grain, cast(date_trunc(g.time_grain, value_date) as date) as period_start,
            'all' as dimension, 'all' as dimension_value, arg_max(earned_amount, value_date) as earned,
            arg_max(customer_count, value_date) as customers
        from mv_daily_customer_value cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain)
        group by all
    ),
    spread as (
        select tenant, g.time_grain, cast(date_trunc(g.time_grain, concentration_date) as date) as period_start,
            'all' as dimension, 'all' as dimension_value, arg_max(booked_amount, concentration_date) as booked_in_window,
            arg_max(top_amount, concentration_date) as top, arg_max(sum_of_squares, concentration_date) as squares,
            arg_max(square_of_sum, concentration_date) as square
        from mv_daily_concentration cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain)
        group by all
    ),
    -- Of a market only the last day of the tenant's period counts.
    market_days as (
        select tenant, g.time_grain, cast(date_trunc(g.time_grain, concentration_date) as date) as period_start,
            max(concentration_date) as concentration_date
        from mv_daily_market_concentration cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain)
        group by all
    ),
    market_spread as (
        select tenant, d.time_grain, d.period_start, if(grouping(m.market) = 1, 'all', 'market') as dimension,
            coalesce(m.market, 'all') as dimension_value, sum(m.booked_amount) as amount, sum(m.top_amount) as top,
            sum(m.sum_of_squares) as squares, sum(m.square_of_sum) as square
        from mv_daily_market_concentration as m inner join market_days as d using (tenant, concentration_date)
        group by grouping sets ((tenant, d.time_grain, d.period_start), (tenant, d.time_grain, d.period_start, m.market))
    ),
    -- What is told by more than its channel.
    split_days as (
        select tenant, 'sessions' as kpi, session_date as day, dimension, dimension_value, count(*) as n
        from (
            unpivot (select tenant, session_date, device_type, browser, country, utm_campaign from fact_sessions)
            on device_type, browser, country, utm_campaign into name dimension value dimension_value
        ) group by all
        union all
        select tenant, unnest(['bookings', 'gmv']), revenue_date, dimension, dimension_value,
            unnest([count_if(is_booking), sum(gmv_amount)])
        from (
            unpivot (
                select tenant, revenue_date, is_booking, gmv_amount, category, city, route, market, buyer_cohort,
                    supplier_cohort, provider
                from fact_revenue
            ) on category, city, route, market, buyer_cohort, supplier_cohort, provider into name dimension value dimension_value
        ) group by all
        union all
        select tenant, 'bookings', revenue_date, 'hour_of_day', hour_of_day, count_if(is_booking) from fact_revenue group by all
        union all
        select tenant, 'revenue', revenue_date, dimension, dimension_value, sum(commission_amount)
        from (
            unpivot (select tenant, revenue_date, commission_amount, category, provider from fact_revenue)
            on category, provider into name dimension value dimension_value
        ) group by all
        union all
        select tenant, 'searches', search_date, dimension, dimension_value, count(*)
        from (
            unpivot (select tenant, search_date, market, route from fact_searches)
            on market, route into name dimension value dimension_value
        ) group by all
        union all
        select tenant, 'signups', signup_date, 'role', role, count(*) from fact_signups group by all
    ),
    split_up as (
        select tenant, g.time_grain, cast(date_trunc(g.time_grain, day) as date) as period_start, dimension,
            dimension_value, kpi, sum(n) as n
        from split_days cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain)
        group by all
    ),
    joined as (
        from summed full join distinct_counts using (tenant, time_grain, period_start, dimension, dimension_value)
        full join levels using (tenant, time_grain, period_start, dimension, dimension_value)
        full join spread using (tenant, time_grain, period_start, dimension, dimension_value)
    ),
    parts as (
        select columns(['tenant', 'time_grain', 'period_start', 'dimension', 'dimension_value']),
            unnest([
                alone('sessions', sessions), alone('searches', searches), alone('bookings', bookings), alone('gmv', gmv),
                alone('revenue', commission), alone('active_users', persons), alone('gross_gmv', booked),
                alone('buyers', buyers), alone('booked_listings', booked_listings), alone('listing_views', views),
                {'kpi': 'search_to_book_conversion', 'n': converted, 'd': searching},
                {'kpi': 'take_rate', 'n': commission, 'd': gmv},
                {'kpi': 'average_session_seconds', 'n': seconds, 'd': sessions},
                {'kpi': 'pages_per_session', 'n': pages, 'd': sessions},
                {'kpi': 'bounce_rate', 'n': bounced, 'd': sessions}, alone('new_users', news),
                alone('signups', signups), {'kpi': 'signup_rate', 'n': signups, 'd': sessions},
                {'kpi': 'signup_conversion_rate', 'n': converted_signups, 'd': signups},
                {'kpi': 'activation_rate', 'n': activated, 'd': news}, {'kpi': 'return_rate', 'n': returned, 'd': news},
                {'kpi': 'revenue_per_active_user', 'n': commission, 'd': persons},
                {'kpi': 'average_booking_value', 'n': booked, 'd': bookings},
                {'kpi': 'cancelled_gmv_rate', 'n': cancelled, 'd': booked},
                {'kpi': 'customer_lifetime_value', 'n': earned, 'd': customers},
                {'kpi': 'spend_per_buyer', 'n': booked, 'd': buyers}, alone('selling_suppliers', suppliers),
                {'kpi': 'cross_side_rate', 'n': crossing, 'd': buyers},
                {'kpi': 'gmv_per_supplier', 'n': booked, 'd': suppliers},
                {'kpi': 'supplier_concentration', 'n': squares, 'd': square},
                {'kpi': 'top_supplier_share', 'n': top, 'd': booked_in_window},
                {'kpi': 'repeat_booking_rate', 'n': repeats, 'd': of_known},
                {'kpi': 'demand_liquidity', 'n': buyers, 'd': persons}, alone('new_buyers', of_known - repeats),
                {'kpi': 'supply_liquidity', 'n': booked_listings, 'd': viewed},
                {'kpi': 'zero_result_rate', 'n': found_nothing, 'd': answered},
                -- Nobody tells of price alerts, or of referrals.
                {'kpi': 'price_alert_adoption_rate', 'n': null, 'd': if(dimension = 'all', persons, null)},
                {'kpi': 'referral_rate', 'n': null, 'd': if(dimension = 'all', signups, null)},
                -- Nothing was published of what can be booked; demand alone is known, of all channels together.
                {'kpi': 'supply_demand_ratio', 'n': null, 'd': if(dimension = 'all', persons, null)},
                {'kpi': 'offers_per_search', 'n': null, 'd': if(dimension = 'all', searches, null)}
            ], recursive := true)
        from joined
        union all
        select tenant, time_grain, period_start, dimension, dimension_value, kpi, n, 1 from split_up
        union all
        select tenant, time_grain, period_start, dimension, dimension_value, 'offers_per_search', null, n
        from split_up where kpi = 'searches' and dimension = 'market'
        union all
        select tenant, time_grain, period_start, dimension, dimension_value,
            unnest(['market_concentration', 'market_top_supplier_share']), unnest([squares, top]), unnest([square, amount])
        from market_spread
        union all
        select tenant, g.time_grain, cast(date_trunc(g.time_grain, active_date) as date), 'user_cohort', user_cohort,
            'active_users', count(distinct person_id), 1
        from fact_user_days cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain) group by all
        union all
        select tenant, g.time_grain, cast(date_trunc(g.time_grain, revenue_date) as date), 'provider', provider,
            'average_booking_value', sum(booked_amount), count_if(is_booking)
        from fact_revenue cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain) group by all
        union all
        select tenant, g.time_grain, cast(date_trunc(g.time_grain, signup_date) as date), 'role', role,
            'signup_conversion_rate', count_if(is_converted), count(*)
        from fact_signups cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain) group by all
    )
select
    p.tenant, p.kpi, p.time_grain, p.period_start, p.dimension, p.dimension_value,
    cast(p.n as decimal(28, 4)) as numerator, cast(p.d as decimal(28, 4)) as denominator,
    cast(p.n as double) / nullif(cast(p.d as double), 0) as value,
    p.period_start >= a.first_date and p.period_start + case p.time_grain when 'day' then interval 1 day when 'week' then interval 7 day
        when 'month' then interval 1 month else interval 3 month end <= a.local_date - case p.kpi when 'return_rate' then 28
        when 'leakage_rate' then 14 when 'activation_rate' then 7 when 'signup_conversion_rate' then 7 else 0 end as is_complete
from parts as p
left join as_of as a on a.tenant = p.tenant
where p.n is not null or p.d is not null;

create table kpi_hourly_values as
with
    parts as (
        select tenant, 'sessions' as kpi, session_date as day, hour_of_day, count(*) as n from fact_sessions group by all
        union all
        select tenant, 'searches', search_date, hour_of_day, count(*) from fact_searches group by all
        union all
        select tenant, 'bookings', revenue_date, hour_of_day, count_if(is_booking) from fact_revenue group by all
        union all
        select tenant, 'gmv', revenue_date, hour_of_day, sum(gmv_amount) from fact_revenue group by all
        union all
        select tenant, 'revenue', revenue_date, hour_of_day, sum(commission_amount) from fact_revenue group by all
    )
select
    p.tenant, p.kpi, p.day + to_hours(cast(p.hour_of_day as integer)) as hour_start,
    cast(p.n as decimal(28, 4)) as numerator, cast(1 as decimal(28, 4)) as denominator, cast(p.n as double) as value,
    hour_start + interval 1 hour <= a.local_at as is_complete
from parts as p
left join as_of as a on a.tenant = p.tenant;
