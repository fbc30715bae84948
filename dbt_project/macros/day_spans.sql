{#-
    One row per tenant of `moved` (a CTE with `tenant` and a date column `day`): its first date, and the later one of its
    last date and the tenant's local date of the newest data (a CTE `as_of`). A level stands on all days between, whether
    something moved or not.
-#}
{% macro day_spans(day) %}
    select m.tenant, min(m.{{ day }}) as first_date, greatest(max(m.{{ day }}), max(a.local_date)) as last_date
    from moved as m
    left join as_of as a on a.tenant = m.tenant
    group by m.tenant
{% endmacro %}
