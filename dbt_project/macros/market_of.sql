{#- The market of a city and a category, as `Lisbon / flat`; `unknown` where one of the two is not known. -#}
{% macro market_of(city, category) %}
    cast(coalesce({{ city }} || ' / ' || {{ category }}, 'unknown') as varchar)
{% endmacro %}
