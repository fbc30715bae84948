-- Dimensions, and days of visits and of what arrived.

create table dim_tenants as select tenant, title, business, time_zone, currency from tenant;

create table dim_date as
select
    day as date_day, cast(date_trunc('week', day) as date) as week_start_date,
    cast(date_trunc('month', day) as date) as month_start_date,
    cast(date_trunc('quarter', day) as date) as quarter_start_date,
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
