-- A fact with its first measure adds one line here; `almanac check` keeps the list right.
-- depends_on: {{ ref('fact_sessions') }}
-- depends_on: {{ ref('fact_user_days') }}
-- depends_on: {{ ref('fact_searches') }}
-- depends_on: {{ ref('fact_revenue') }}
{% set facts = ["fact_sessions", "fact_user_days", "fact_searches", "fact_revenue"] %}
{% if execute and graph.metrics %}
    with
        {% for fact in facts %}
            {{ fact }}_measures as ({{ measure_rows(fact, ref(fact)) }}){% if not loop.last %},{% endif %}
        {% endfor %}
    {% for fact in facts %}
        select *
        from {{ fact }}_measures
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
{% else %} select 1 as parsing
{% endif %}
