{#- The periods of this model's rows that are complete by now and were not, or the other way round. -#}
{% macro periods_that_completed() %}
    {% set sql %}
        select distinct t.tenant, cast(t.period_start as varchar) as entity
        from {{ this }} as t
        left join {{ ref("int_events__as_of") }} as a on a.tenant = t.tenant
        where t.is_complete is distinct from ({{ is_complete_period("t", "a") }})
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
