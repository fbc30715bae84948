{#- Whether the period of `row` is complete: once the tenant's local day of the newest data lies behind it. -#}
{% macro is_complete_period(row, local_date) %}
    {% set start = row ~ ".period_start" %}
    {% set sql %}
        case {{ row }}.time_grain
            when 'day' then {{ start }} < {{ local_date }}
            when 'week' then {{ start }} + interval '7 days' <= {{ local_date }}
            when 'month' then {{ start }} + interval '1 month' <= {{ local_date }}
            else {{ start }} + interval '3 months' <= {{ local_date }}
        end
    {% endset %}
    {{ return(sql) }}
{% endmacro %}
