{#-
    Aggregates: a number that stands for the values of `expressions` in the rows of a group, in whatever order they come.
    Rows that differ give the same number with a probability of about one in 2^64.
-#}
{% macro content_of(expressions) %} {{ return(adapter.dispatch("content_of")(expressions)) }}{% endmacro %}

{% macro duckdb__content_of(expressions) %}
    {{ return("sum(cast(hash(" ~ expressions | join(", ") ~ ") as hugeint))") }}
{% endmacro %}

{% macro postgres__content_of(expressions) %}
    {{ return("sum(cast(hashtextextended(cast(row(" ~ expressions | join(", ") ~ ") as text), 0) as numeric))") }}
{% endmacro %}
