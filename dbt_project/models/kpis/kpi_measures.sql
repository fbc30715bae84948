-- A fact with its first measure adds one line here; `almanac check` keeps the list right.
-- depends_on: {{ ref('fact_sessions') }}
-- depends_on: {{ ref('fact_user_days') }}
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
-- depends_on: {{ ref('fact_api_requests') }}
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
-- depends_on: {{ ref('mv_daily_customer_value') }}
-- depends_on: {{ ref('mv_daily_concentration') }}
{% set facts = [
    "fact_sessions",
    "fact_user_days",
    "fact_searches",
    "fact_listing_views",
    "fact_revenue",
    "fact_revenue_lines",
    "fact_payments",
    "fact_refunds",
    "fact_subscription_movements",
    "fact_pledges",
    "fact_invoice_updates",
    "fact_loan_movements",
    "fact_inquiries",
    "fact_recommendations",
    "fact_leads",
    "fact_marketing_spend",
    "fact_reviews",
    "fact_survey_answers",
    "fact_ticket_updates",
    "fact_equipment_scans",
    "fact_transport_legs",
    "fact_booking_outcomes",
    "fact_availability",
    "mv_daily_utilisation",
    "fact_booking_status_changes",
    "fact_notifications",
    "fact_ad_views",
    "fact_signups",
    "fact_referrals",
    "fact_memberships",
    "fact_project_updates",
    "fact_api_requests",
    "fact_errors",
    "fact_web_vitals",
    "fact_system_samples",
    "fact_clicks",
    "fact_page_leaves",
    "fact_dashboard_uses",
    "fact_listing_interactions",
    "fact_funnel_steps",
    "fact_experiment_exposures",
    "fact_experiment_conversions",
    "fact_flag_evaluations",
    "fact_price_quotes",
    "fact_price_alert_updates",
    "mv_daily_balances",
    "mv_daily_subscriptions",
    "mv_daily_customer_value",
    "mv_daily_concentration",
] %}
{% if execute and graph.metrics %}
    {% set asked, by_fact, united = asking(kpis()), measures(), [] %}
    {% set key = ["tenant", "time_grain", "period_start", "dimension", "dimension_value"] | join(", ") %}
    {% for fact in facts %}
        {% set additive = by_fact[fact] | selectattr("is_additive") | list %}
        {% for days in day_rows(ref(fact), by_fact[fact], shape_of(by_fact[fact], asked)) %}
            {#- A week, month and quarter are made from the days, fact by fact: as grouping sets over the fact, or as
            sums over the columns of all facts, they cost several times more. #}
            {% set periods %}
                select
                    d.tenant,
                    g.time_grain,
                    cast(date_trunc(g.time_grain, d.period_start) as date) as period_start,
                    d.dimension,
                    d.dimension_value
                    {{ measure_columns(additive, of_days="d") }}
                from ({{ days }}) as d
                cross join (values ('day'), ('week'), ('month'), ('quarter')) as g(time_grain)
                group by 1, 2, 3, 4, 5
            {% endset %}
            {% do united.append(periods) %}
        {% endfor %}
        {% do united.extend(period_rows(ref(fact), by_fact[fact], asked)) %}
    {% endfor %}
    with united as ({{ united | join("\nunion all " ~ union_by_name() ~ "\n") }})

    select {{ key }} {% for name in measure_names() %}, cast({{ name }} as decimal(28, 4)) as {{ name }}{% endfor %}
    from united
{% else %} select 1 as parsing
{% endif %}
