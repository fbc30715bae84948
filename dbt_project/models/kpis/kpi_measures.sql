-- A fact with its first measure adds one line here; `almanac check` keeps the list right.
-- depends_on: {{ ref('fact_sessions') }}
-- depends_on: {{ ref('fact_user_days') }}
-- depends_on: {{ ref('fact_searches') }}
-- depends_on: {{ ref('fact_revenue') }}
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
-- depends_on: {{ ref('fact_booking_status_changes') }}
-- depends_on: {{ ref('fact_notifications') }}
-- depends_on: {{ ref('fact_ad_views') }}
-- depends_on: {{ ref('mv_daily_balances') }}
{% set facts = [
    "fact_sessions",
    "fact_user_days",
    "fact_searches",
    "fact_revenue",
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
    "fact_booking_status_changes",
    "fact_notifications",
    "fact_ad_views",
    "mv_daily_balances",
] %}
{% if execute and graph.metrics %}
    {% set catalogue = kpis() %}
    with
        {% for fact in facts %} {{ fact }}_measures as ({{ measure_rows(fact, ref(fact), catalogue) }}), {% endfor %}

        united as (
            {% for fact in facts %}
                select *
                from {{ fact }}_measures
                {% if not loop.last %}
                    union all
                    {{ union_by_name() }}
                {% endif %}
            {% endfor %}
        )

    select tenant, time_grain, period_start, dimension, dimension_value, {{ measure_names() | join(", ") }}
    from united
{% else %} select 1 as parsing
{% endif %}
