{#- The month of a date as text (`2026-04`), `unknown` where the date or `known` is null. -#}
{% macro month_of(day, known) %}
    coalesce(case when {{ known }} is not null then substr(cast({{ day }} as varchar), 1, 7) end, 'unknown')
{% endmacro %}
