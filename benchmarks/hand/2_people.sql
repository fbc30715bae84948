-- People, their sessions, and what happened in them.

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

-- Islands of days of which no two neighbours are more than 28 days apart, and what a period finds and leaves of them.
create table mv_user_periods as
with
dates as (select distinct tenant, person_id, active_date from fact_user_days),
marked as (
    select *, coalesce(active_date - lag(active_date) over by_day > 28, true) as begins from dates
    window by_day as (partition by tenant, person_id order by active_date)
),
numbered as (
    select *, count_if(begins) over (partition by tenant, person_id order by active_date) as island from marked
),
islands as (
    select tenant, person_id, min(active_date) as since, max(active_date) + 28 as until from numbered group by tenant, person_id, island
),
spans as (
    select tenant, min(since) as first_date,
        greatest(max(since), (select any_value(a.local_date) from as_of as a where a.tenant = islands.tenant)) as last_date
    from islands group by tenant
),
periods as (
    select distinct s.tenant, g.period_grain, cast(date_trunc(g.period_grain, d.day) as date) as start_date,
        least(s.last_date, cast(date_trunc(g.period_grain, d.day) + case g.period_grain when 'day' then interval 1 day
            when 'week' then interval 7 day when 'month' then interval 1 month else interval 3 month end - interval 1 day as date)
        ) as end_date
    from spans as s cross join unnest(generate_series(s.first_date, s.last_date, interval 1 day)) as d(day)
    cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(period_grain)
),
found as (
    select p.tenant, p.period_grain, p.start_date, p.end_date, i.person_id
    from periods as p
    inner join islands as i on i.tenant = p.tenant and i.since < p.start_date and i.until >= p.start_date
),
left_over as (
    select f.tenant, f.period_grain, f.start_date, count(*) as opening_user_count, count_if(i.person_id is null) as churned_user_count
    from found as f
    left join islands as i
        on i.tenant = f.tenant and i.person_id = f.person_id and i.since <= f.end_date and i.until > f.end_date
    group by all
)
select p.tenant, p.period_grain, p.start_date, coalesce(l.opening_user_count, 0) as opening_user_count,
    coalesce(l.churned_user_count, 0) as churned_user_count
from periods as p left join left_over as l using (tenant, period_grain, start_date);

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
