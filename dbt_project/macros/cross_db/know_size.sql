{#- A statement that tells the planner how many rows a relation has, where that is not known by itself. -#}
{% macro know_size(relation) %} {{ return(adapter.dispatch("know_size")(relation)) }}{% endmacro %}

{% macro duckdb__know_size(relation) %} {{ return("") }}{% endmacro %}

{% macro postgres__know_size(relation) %} {{ return("analyze " ~ relation ~ ";\n") }}{% endmacro %}
