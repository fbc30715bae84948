{#-
    Whether the period of `row` is complete: it begins on the tenant's first date or later, and the tenant's local day of the newest
    data lies behind it. `tenant` is the row of `int_events__as_of`.
-#}
{% macro is_complete_period(row, tenant) %}
    {% set start, today = row ~ ".period_start", tenant ~ ".local_date" %}
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
