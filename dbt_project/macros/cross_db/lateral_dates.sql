{#- Joins every date from `first` to `last` (columns of the row on the left) as `dates.date_day`. -#}
{% macro lateral_dates(first, last) %} {{ return(adapter.dispatch("lateral_dates")(first, last)) }}{% endmacro %}

{% macro default__lateral_dates(first, last) %}
    {{
        return(
            "cross join lateral (select cast(s.d as date) as date_day from generate_series(cast("
            ~ first
            ~ " as timestamp), cast("
            ~ last
            ~ " as timestamp), interval '1 day') as s(d)) as dates"
        )
    }}
{% endmacro %}
