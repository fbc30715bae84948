{#-
    Whether the period of `row` is complete: it begins on the tenant's first date or later, and the tenant's local day of the newest
    data lies behind it, by the days that its KPI looks ahead. `tenant` is the row of `int_events__as_of`.
-#}
{% macro is_complete_period(row, tenant) %}
    {% set start, waits = row ~ ".period_start", [] %}
    {% for metric in graph.metrics.values() | sort(attribute="name") %}
        {% set days = metric.config.meta.get("kpi", {}).get("matures_after_days") %}
        {% if days %} {% do waits.append("when '" ~ metric.name ~ "' then " ~ days) %} {% endif %}
    {% endfor %}
    {% set ahead = "case " ~ row ~ ".kpi " ~ waits | join(" ") ~ " else 0 end" if waits else "0" %}
    {% set today = "(" ~ tenant ~ ".local_date - " ~ ahead ~ ")" %}
    {% set sql %}
        {{ start }} >= {{ tenant }}.first_date
        and case {{ row }}.time_grain
            when 'day' then {{ start }} < {{ today }}
            when 'week' then {{ start }} + interval '7 days' <= {{ today }}
            when 'month' then {{ start }} + interval '1 month' <= {{ today }}
            else {{ start }} + interval '3 months' <= {{ today }}
        end
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
