{#- `by name` where a union fills the columns that a side lacks with null; empty where both must list the same ones. -#}
{% macro union_by_name() %} {{ return(adapter.dispatch("union_by_name")()) }}{% endmacro %}

{% macro duckdb__union_by_name() %} {{ return("by name") }}{% endmacro %}

{% macro postgres__union_by_name() %} {{ return("") }}{% endmacro %}
