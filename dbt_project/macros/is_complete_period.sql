{#-
    Whether the period of `row` is complete: it begins on the tenant's first date or later, and the tenant's local day of the newest
    data lies behind it, both by the days that its KPI looks back or ahead. `tenant` is the row of `int_events__as_of`.
-#}
{% macro is_complete_period(row, tenant) %}
    {% set start = row ~ ".period_start" %}
    {% set today = "(" ~ tenant ~ ".local_date - " ~ days_of_kpi(row, "matures_after_days") ~ ")" %}
    {% set sql %}
        {{ start }} >= {{ tenant }}.first_date + {{ days_of_kpi(row, "looks_back_days") }}
        and case {{ row }}.time_grain
            when 'day' then {{ start }} < {{ today }}
            when 'week' then {{ start }} + interval '7 days' <= {{ today }}
            when 'month' then {{ start }} + interval '1 month' <= {{ today }}
            else {{ start }} + interval '3 months' <= {{ today }}
        end
    {% endset %}
    {{ return(sql) }}
{% endmacro %}

{#- What the KPI of `row` says of a setting that is a number of days; 0 where it says nothing. -#}
{% macro days_of_kpi(row, setting) %}
    {% set said = [] %}
    {% for metric in graph.metrics.values() | sort(attribute="name") %}
        {% set days = metric.config.meta.get("kpi", {}).get(setting) %}
        {% if days %} {% do said.append("when '" ~ metric.name ~ "' then " ~ days) %} {% endif %}
    {% endfor %}
    {{ return("case " ~ row ~ ".kpi " ~ said | join(" ") ~ " else 0 end" if said else "0") }}
{% endmacro %}
