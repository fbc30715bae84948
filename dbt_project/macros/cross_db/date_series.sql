{#- A table expression with one column, `date_day`: every date from `first` to `last` (two scalar expressions). -#}
{% macro date_series(first, last) %} {{ return(adapter.dispatch("date_series")(first, last)) }}{% endmacro %}

{% macro duckdb__date_series(first, last) %}
    {{
        return(
            "(select cast(unnest(generate_series(cast("
            ~ first
            ~ " as timestamp), cast("
            ~ last
            ~ " as timestamp), interval '1 day')) as date) as date_day)"
        )
    }}
{% endmacro %}

{% macro postgres__date_series(first, last) %}
    {{
        return(
            "(select cast(generate_series(cast("
            ~ first
            ~ " as timestamp), cast("
            ~ last
            ~ " as timestamp), interval '1 day') as date) as date_day)"
        )
    }}
{% endmacro %}
