{#- The column that names a stored row inside one transaction. -#}
{% macro row_locator() %} {{ return(adapter.dispatch("row_locator")()) }}{% endmacro %}

{% macro duckdb__row_locator() %} {{ return("rowid") }}{% endmacro %}

{% macro postgres__row_locator() %} {{ return("ctid") }}{% endmacro %}
