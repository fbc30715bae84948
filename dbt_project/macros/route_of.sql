{#- The route between two places, as `AMS-LIS`; `none` where one of the two is not known. -#}
{% macro route_of(origin, destination) %}
    cast(coalesce({{ origin }} || '-' || {{ destination }}, 'none') as varchar)
{% endmacro %}
