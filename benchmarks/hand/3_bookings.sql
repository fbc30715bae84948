-- Bookings, suppliers and money.

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

-- The states of each booking, one after the other. What is told again is no change, and at one instant they follow each
-- other as a booking goes through them.
create table fact_booking_status_changes as
with
    told as (
        select
            tenant, booking_id, if(movement = 'booked', 'confirmed', 'cancelled') as status,
            moved_at as told_at, movement_date as told_date
        from movements where is_first
        union all
        select e.tenant, l.booking_id, l.status, e.event_at, e.event_date
        from fact_events as e
        inner join lake_events as l on l.file_id = e.file_id and l.ingest_row = e.ingest_row
        where e.event = 'booking_status_changed'
    ),
    placed as (
        select *,
            coalesce(list_position(['requested', 'approved', 'confirmed', 'started'], status), 5) as place,
            min(told_at) over (partition by tenant, booking_id) as first_told_at
        from told
    ),
    changes as (
        select *, lag(status) over (partition by tenant, booking_id order by told_at, place, status) as from_status
        from placed
        qualify from_status is null or from_status <> status
    )
select
    tenant, booking_id, from_status, status as to_status, told_at as changed_at, told_date as change_date,
    cast(floor(epoch(told_at - lag(told_at) over (
        partition by tenant, booking_id order by told_at, place, status
    ))) as bigint) as seconds_since_previous,
    cast(floor(epoch(told_at - first_told_at)) / 3600.0 as decimal(18, 4)) as hours_since_first,
    status = 'completed' and from_status is not null as is_followed_completion
from changes;

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
        e.event_at as signed_up_at, e.event_date as signup_date,
        e.user_id is null
        or e.message_id = arg_min(e.message_id, (e.event_at, e.message_id)) over (partition by e.tenant, e.user_id) as is_first_told
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
    ) as is_converted, false as has_pledged -- Nobody tells of pledges.
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
