-- A fact with its first measure adds one line here; `almanac check` keeps the list right.
-- depends_on: {{ ref('fact_sessions') }}
-- depends_on: {{ ref('fact_user_days') }}
-- depends_on: {{ ref('mv_user_periods') }}
-- depends_on: {{ ref('fact_searches') }}
-- depends_on: {{ ref('fact_listing_views') }}
-- depends_on: {{ ref('fact_revenue') }}
-- depends_on: {{ ref('fact_revenue_lines') }}
-- depends_on: {{ ref('fact_payments') }}
-- depends_on: {{ ref('fact_refunds') }}
-- depends_on: {{ ref('fact_subscription_movements') }}
-- depends_on: {{ ref('fact_pledges') }}
-- depends_on: {{ ref('fact_invoice_updates') }}
-- depends_on: {{ ref('fact_loan_movements') }}
-- depends_on: {{ ref('fact_inquiries') }}
-- depends_on: {{ ref('fact_recommendations') }}
-- depends_on: {{ ref('fact_leads') }}
-- depends_on: {{ ref('fact_marketing_spend') }}
-- depends_on: {{ ref('fact_reviews') }}
-- depends_on: {{ ref('fact_survey_answers') }}
-- depends_on: {{ ref('fact_ticket_updates') }}
-- depends_on: {{ ref('fact_equipment_scans') }}
-- depends_on: {{ ref('fact_transport_legs') }}
-- depends_on: {{ ref('fact_booking_outcomes') }}
-- depends_on: {{ ref('fact_availability') }}
-- depends_on: {{ ref('mv_daily_utilisation') }}
-- depends_on: {{ ref('fact_booking_status_changes') }}
-- depends_on: {{ ref('fact_notifications') }}
-- depends_on: {{ ref('fact_ad_views') }}
-- depends_on: {{ ref('fact_signups') }}
-- depends_on: {{ ref('fact_referrals') }}
-- depends_on: {{ ref('fact_memberships') }}
-- depends_on: {{ ref('fact_project_updates') }}
-- depends_on: {{ ref('fact_project_days') }}
-- depends_on: {{ ref('fact_api_requests') }}
-- depends_on: {{ ref('mv_hourly_api_requests') }}
-- depends_on: {{ ref('fact_errors') }}
-- depends_on: {{ ref('fact_web_vitals') }}
-- depends_on: {{ ref('fact_system_samples') }}
-- depends_on: {{ ref('fact_clicks') }}
-- depends_on: {{ ref('fact_page_leaves') }}
-- depends_on: {{ ref('fact_dashboard_uses') }}
-- depends_on: {{ ref('fact_listing_interactions') }}
-- depends_on: {{ ref('fact_funnel_steps') }}
-- depends_on: {{ ref('fact_experiment_exposures') }}
-- depends_on: {{ ref('fact_experiment_conversions') }}
-- depends_on: {{ ref('fact_flag_evaluations') }}
-- depends_on: {{ ref('fact_price_quotes') }}
-- depends_on: {{ ref('fact_price_alert_updates') }}
-- depends_on: {{ ref('mv_daily_balances') }}
-- depends_on: {{ ref('mv_daily_subscriptions') }}
-- depends_on: {{ ref('mv_subscription_periods') }}
-- depends_on: {{ ref('mv_daily_customer_value') }}
-- depends_on: {{ ref('mv_daily_backer_value') }}
-- depends_on: {{ ref('mv_daily_concentration') }}
-- depends_on: {{ ref('mv_daily_market_concentration') }}
{{
    config(
        materialized="incremental",
        pre_hook="{{ begin_replace_changed() }}",
        meta={
            "incremental": {
                "key": "period",
                "key_type": "varchar",
                "whole": true,
                "propagates": [
                    {"kind": "period", "entity": "period"},
                    {"kind": "start", "entity": "period_start"},
                ],
            }
        },
    )
}}
{% if execute and graph.metrics %}
    {% set asked, by_fact, united = asking(kpis()), measures(), [] %}
    {% for fact, own in by_fact.items() %}
        {% set read = shape_of(own, asked).dimensions %}
        {#- What is counted is there or not: which one it is would only cost the reading. #}
        {% for measure in own %}
            {% do read.append("(" ~ measure.expr ~ ") is null" if measure.agg == "count" else measure.expr) %}
            {% do read.extend((measure.previous or {}).values()) %}
        {% endfor %}
        {% set read = read + ["period_grain"] * ("period_grain" in graph.nodes["model.almanac." ~ fact].columns) %}
        {% set read = (read + own | map(attribute="filter") | select | list) | unique %}
        {% set days %}
            select
                f.tenant,
                '{{ fact }}' as fact,
                f.{{ own[0].time }} as local_date,
                count(*) as row_count,
                {{ content_of(read) }} as content
            from {{ ref(fact) }} as f
            where f.{{ own[0].time }} is not null
            group by f.tenant, f.{{ own[0].time }}
        {% endset %}
        {% do united.append(days) %}
    {% endfor %}
    with
        days as ({{ united | join("\nunion all ") }}),

        periods as (
            select
                d.tenant,
                d.fact,
                g.time_grain,
                cast(date_trunc(g.time_grain, d.local_date) as date) as period_start,
                max(d.local_date) as last_date,
                sum(d.row_count) as row_count,
                sum(d.content) as content
            from days as d
            cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain)
            group by 1, 2, 3, 4
        )

    select
        p.tenant,
        cast(p.fact as varchar) as fact,
        cast(p.time_grain as varchar) as time_grain,
        p.period_start,
        cast({{ period_key("p") }} as varchar) as period,
        p.last_date,
        cast(p.row_count as bigint) as row_count,
        cast(p.content as varchar) as content
    from periods as p
{% else %} select 1 as parsing
{% endif %}
