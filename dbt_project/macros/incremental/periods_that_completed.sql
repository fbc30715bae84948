{#-
    The periods of this model's rows that are complete by now and were not, or the other way round.

    What is complete stays so but at either end of a tenant's data, by as many days as any KPI looks back or ahead and a
    quarter has: only there, and where a row is not complete, is asked what its KPI says.
-#}
{% macro periods_that_completed() %}
    {% set back, ahead = [0], [92] %}
    {% for metric in graph.metrics.values() %}
        {% set settings = metric.config.meta.get("kpi", {}) %}
        {% do back.append(settings.looks_back_days or 0) %}
        {% do ahead.append(92 + (settings.matures_after_days or 0)) %}
    {% endfor %}
    {% set sql %}
        select distinct t.tenant, cast(t.period_start as varchar) as entity
        from {{ this }} as t
        left join {{ ref("int_events__as_of") }} as a on a.tenant = t.tenant
        where
            not coalesce(
                t.is_complete
                and t.period_start >= a.first_date + {{ back | max }}
                and t.period_start < a.local_date - {{ ahead | max }},
                false
            )
            and t.is_complete is distinct from ({{ is_complete_period("t", "a") }})
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
