-- KPI values.

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
    per_signup as (select tenant, signup_date as day, channel, count_if(is_first_told) as signups,
            count_if(is_converted and is_first_told) as converted_signups from fact_signups group by all),
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
        select tenant, 'signups', signup_date, 'role', role, count_if(is_first_told) from fact_signups group by all
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
                {'kpi': 'pledge_activation_rate', 'n': 0 * signups, 'd': signups},
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
                -- Nobody tells of price alerts, pledges and a ledger, or of referrals.
                {'kpi': 'backer_conversion_rate', 'n': null, 'd': if(dimension = 'all', persons, null)},
                {'kpi': 'earned_revenue_per_active_user', 'n': null, 'd': if(dimension = 'all', persons, null)},
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
        select tenant, period_grain, start_date, 'all', 'all', 'user_churn_rate', churned_user_count, opening_user_count
        from mv_user_periods
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
            'signup_conversion_rate', count_if(is_converted and is_first_told), count_if(is_first_told)
        from fact_signups cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain) group by all
        union all
        select tenant, g.time_grain, cast(date_trunc(g.time_grain, signup_date) as date), 'role', role,
            'pledge_activation_rate', count_if(has_pledged and is_first_told), count_if(is_first_told)
        from fact_signups cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain) group by all
    )
select
    p.tenant, p.kpi, p.time_grain, p.period_start, p.dimension, p.dimension_value,
    cast(p.n as decimal(28, 4)) as numerator, cast(p.d as decimal(28, 4)) as denominator,
    cast(p.n as double) / nullif(cast(p.d as double), 0) as value,
    p.period_start >= a.first_date + case p.kpi when 'user_churn_rate' then 28
        when 'supplier_concentration' then 27 when 'market_concentration' then 27
        when 'top_supplier_share' then 27 when 'market_top_supplier_share' then 27 else 0 end
        and p.period_start + case p.time_grain when 'day' then interval 1 day when 'week' then interval 7 day
        when 'month' then interval 1 month else interval 3 month end <= a.local_date - case p.kpi when 'return_rate' then 28
        when 'leakage_rate' then 14 when 'activation_rate' then 7 when 'signup_conversion_rate' then 7
        when 'pledge_activation_rate' then 7 else 0 end as is_complete
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
    hour_start >= a.first_date and hour_start + interval 1 hour <= a.local_at as is_complete
from parts as p
left join as_of as a on a.tenant = p.tenant;
