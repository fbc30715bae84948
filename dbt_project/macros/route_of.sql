{#-
    The route between two places, as `AMS-LIS`; `none` where one of the two is not known. Asked first: most searches name
    no place, and it is cheaper than to join nothing to nothing.
-#}
{% macro route_of(origin, destination) %}
    cast(
        case
            when {{ origin }} is null or {{ destination }} is null
            then 'none'
            else {{ origin }} || '-' || {{ destination }}
        end as varchar
    )
{% endmacro %}
